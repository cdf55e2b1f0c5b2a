story = La même affaire : { $names }
update = Une mise à jour de cet article
topic = Aussi sur { $names }
place = Au même endroit : { $names }
event = Le même type d’événement : { $names }
tag = Même mot-clé : { $names }
author = Du même auteur : { $names }
similar = Sur un sujet proche
section = Plus dans { $section }
latest = Dernières nouvelles
popular = Parmi les plus lus
pinned = Le choix de la rédaction
further = À lire aussi
same-day = le même jour
days-earlier =
    { $count ->
        [one] { $number } jour plus tôt
        *[other] { $number } jours plus tôt
    }
days-later =
    { $count ->
        [one] { $number } jour plus tard
        *[other] { $number } jours plus tard
    }
weeks-earlier =
    { $count ->
        [one] { $number } semaine plus tôt
        *[other] { $number } semaines plus tôt
    }
weeks-later =
    { $count ->
        [one] { $number } semaine plus tard
        *[other] { $number } semaines plus tard
    }
months-earlier =
    { $count ->
        [one] { $number } mois plus tôt
        *[other] { $number } mois plus tôt
    }
months-later =
    { $count ->
        [one] { $number } mois plus tard
        *[other] { $number } mois plus tard
    }
years-earlier =
    { $count ->
        [one] { $number } an plus tôt
        *[other] { $number } ans plus tôt
    }
years-later =
    { $count ->
        [one] { $number } an plus tard
        *[other] { $number } ans plus tard
    }
heading-related = Articles liés
heading-more = Autres articles
heading-latest = Derniers articles
heading-story = L’histoire jusqu’ici
beginning = Début
turn = Tournant
