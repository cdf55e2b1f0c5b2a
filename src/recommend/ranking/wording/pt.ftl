story = A mesma história: { $names }
update = Uma atualização desta notícia
topic = Também sobre { $names }
place = No mesmo lugar: { $names }
event = O mesmo tipo de acontecimento: { $names }
tag = Também com a etiqueta { $names }
author = Também de { $names }
similar = Sobre um assunto parecido
section = Mais de { $section }
latest = Últimas notícias
popular = Mais lidas
pinned = Escolha da redação
further = Leia mais
same-day = no mesmo dia
days-earlier =
    { $count ->
        [one] { $number } dia antes
        *[other] { $number } dias antes
    }
days-later =
    { $count ->
        [one] { $number } dia depois
        *[other] { $number } dias depois
    }
weeks-earlier =
    { $count ->
        [one] { $number } semana antes
        *[other] { $number } semanas antes
    }
weeks-later =
    { $count ->
        [one] { $number } semana depois
        *[other] { $number } semanas depois
    }
months-earlier =
    { $count ->
        [one] { $number } mês antes
        *[other] { $number } meses antes
    }
months-later =
    { $count ->
        [one] { $number } mês depois
        *[other] { $number } meses depois
    }
years-earlier =
    { $count ->
        [one] { $number } ano antes
        *[other] { $number } anos antes
    }
years-later =
    { $count ->
        [one] { $number } ano depois
        *[other] { $number } anos depois
    }
heading-related = Artigos relacionados
heading-more = Mais artigos
heading-latest = Últimos artigos
heading-story = A história até agora
beginning = Início
turn = Reviravolta
