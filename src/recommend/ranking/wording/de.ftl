story = Dieselbe Geschichte: { $names }
update = Eine neuere Fassung dieser Meldung
topic = Auch über { $names }
place = Am selben Ort: { $names }
event = Ein Ereignis derselben Art: { $names }
tag = Mit demselben Schlagwort: { $names }
author = Auch von { $names }
similar = Zu einem ähnlichen Thema
section = Mehr aus { $section }
latest = Neueste Artikel
popular = Viel gelesen
pinned = Auswahl der Redaktion
further = Zum Weiterlesen
same-day = am selben Tag
days-earlier =
    { $count ->
        [one] { $number } Tag zuvor
        *[other] { $number } Tage zuvor
    }
days-later =
    { $count ->
        [one] { $number } Tag später
        *[other] { $number } Tage später
    }
weeks-earlier =
    { $count ->
        [one] { $number } Woche zuvor
        *[other] { $number } Wochen zuvor
    }
weeks-later =
    { $count ->
        [one] { $number } Woche später
        *[other] { $number } Wochen später
    }
months-earlier =
    { $count ->
        [one] { $number } Monat zuvor
        *[other] { $number } Monate zuvor
    }
months-later =
    { $count ->
        [one] { $number } Monat später
        *[other] { $number } Monate später
    }
years-earlier =
    { $count ->
        [one] { $number } Jahr zuvor
        *[other] { $number } Jahre zuvor
    }
years-later =
    { $count ->
        [one] { $number } Jahr später
        *[other] { $number } Jahre später
    }
heading-related = Mehr zum Thema
heading-more = Weitere Artikel
heading-latest = Neueste Artikel
heading-story = Was bisher geschah
beginning = Anfang
turn = Wendung
