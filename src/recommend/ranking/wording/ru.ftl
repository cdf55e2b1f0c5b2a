story = Та же история: { $names }
update = Новые данные об этом событии
topic = Также о теме: { $names }
place = В том же месте: { $names }
event = Событие того же рода: { $names }
tag = С той же меткой: { $names }
author = Тот же автор: { $names }
similar = На похожую тему
section = Ещё в рубрике «{ $section }»
latest = Последние новости
popular = Популярное
pinned = Выбор редакции
further = Читайте также
same-day = в тот же день
days-earlier =
    { $count ->
        [one] { $number } днём ранее
        [few] { $number } днями ранее
        *[other] { $number } днями ранее
    }
days-later =
    { $count ->
        [one] { $number } день спустя
        [few] { $number } дня спустя
        *[other] { $number } дней спустя
    }
weeks-earlier =
    { $count ->
        [one] { $number } неделей ранее
        [few] { $number } неделями ранее
        *[other] { $number } неделями ранее
    }
weeks-later =
    { $count ->
        [one] { $number } неделю спустя
        [few] { $number } недели спустя
        *[other] { $number } недель спустя
    }
months-earlier =
    { $count ->
        [one] { $number } месяцем ранее
        [few] { $number } месяцами ранее
        *[other] { $number } месяцами ранее
    }
months-later =
    { $count ->
        [one] { $number } месяц спустя
        [few] { $number } месяца спустя
        *[other] { $number } месяцев спустя
    }
years-earlier =
    { $count ->
        [one] { $number } годом ранее
        [few] { $number } годами ранее
        *[other] { $number } годами ранее
    }
years-later =
    { $count ->
        [one] { $number } год спустя
        [few] { $number } года спустя
        *[other] { $number } лет спустя
    }
heading-related = По теме
heading-more = Другие статьи
heading-latest = Последние статьи
heading-story = Как всё развивалось
beginning = Начало
turn = Поворот
