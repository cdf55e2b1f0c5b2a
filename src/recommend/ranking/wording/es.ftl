story = La misma historia: { $names }
update = Una actualización de esta noticia
topic = También sobre { $names }
place = En el mismo lugar: { $names }
event = El mismo tipo de suceso: { $names }
tag = También con la etiqueta { $names }
author = También de { $names }
similar = Sobre un tema parecido
section = Más de { $section }
latest = Lo último
popular = Lo más leído
pinned = Elegido por la redacción
further = Más lecturas
same-day = el mismo día
days-earlier =
    { $count ->
        [one] { $number } día antes
        *[other] { $number } días antes
    }
days-later =
    { $count ->
        [one] { $number } día después
        *[other] { $number } días después
    }
weeks-earlier =
    { $count ->
        [one] { $number } semana antes
        *[other] { $number } semanas antes
    }
weeks-later =
    { $count ->
        [one] { $number } semana después
        *[other] { $number } semanas después
    }
months-earlier =
    { $count ->
        [one] { $number } mes antes
        *[other] { $number } meses antes
    }
months-later =
    { $count ->
        [one] { $number } mes después
        *[other] { $number } meses después
    }
years-earlier =
    { $count ->
        [one] { $number } año antes
        *[other] { $number } años antes
    }
years-later =
    { $count ->
        [one] { $number } año después
        *[other] { $number } años después
    }
heading-related = Artículos relacionados
heading-more = Más artículos
heading-latest = Últimos artículos
heading-story = La historia hasta ahora
beginning = Comienzo
turn = Giro
