story = Та сама історія: { $names }
update = Нові дані про цю подію
topic = Також про: { $names }
place = У тому самому місці: { $names }
event = Подія того самого роду: { $names }
tag = З тією самою міткою: { $names }
author = Той самий автор: { $names }
similar = На схожу тему
section = Ще в рубриці «{ $section }»
latest = Останні новини
popular = Популярне
pinned = Вибір редакції
further = Читайте також
same-day = того самого дня
days-earlier =
    { $count ->
        [one] за { $number } день до того
        [few] за { $number } дні до того
        *[other] за { $number } днів до того
    }
days-later =
    { $count ->
        [one] через { $number } день
        [few] через { $number } дні
        *[other] через { $number } днів
    }
weeks-earlier =
    { $count ->
        [one] за { $number } тиждень до того
        [few] за { $number } тижні до того
        *[other] за { $number } тижнів до того
    }
weeks-later =
    { $count ->
        [one] через { $number } тиждень
        [few] через { $number } тижні
        *[other] через { $number } тижнів
    }
months-earlier =
    { $count ->
        [one] за { $number } місяць до того
        [few] за { $number } місяці до того
        *[other] за { $number } місяців до того
    }
months-later =
    { $count ->
        [one] через { $number } місяць
        [few] через { $number } місяці
        *[other] через { $number } місяців
    }
years-earlier =
    { $count ->
        [one] за { $number } рік до того
        [few] за { $number } роки до того
        *[other] за { $number } років до того
    }
years-later =
    { $count ->
        [one] через { $number } рік
        [few] через { $number } роки
        *[other] через { $number } років
    }
heading-related = За темою
heading-more = Інші статті
heading-latest = Останні статті
heading-story = Як усе розвивалося
beginning = Початок
turn = Поворот
