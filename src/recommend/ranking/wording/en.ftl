story = Same story: { $names }
update = An update of this report
topic = Also about { $names }
place = In the same place: { $names }
event = The same kind of event: { $names }
tag = Also tagged { $names }
author = Also by { $names }
similar = On a similar subject
section = More from { $section }
latest = Latest
popular = Popular
pinned = Editors' choice
further = Further reading
same-day = same day
days-earlier =
    { $count ->
        [one] { $number } day earlier
        *[other] { $number } days earlier
    }
days-later =
    { $count ->
        [one] { $number } day later
        *[other] { $number } days later
    }
weeks-earlier =
    { $count ->
        [one] { $number } week earlier
        *[other] { $number } weeks earlier
    }
weeks-later =
    { $count ->
        [one] { $number } week later
        *[other] { $number } weeks later
    }
months-earlier =
    { $count ->
        [one] { $number } month earlier
        *[other] { $number } months earlier
    }
months-later =
    { $count ->
        [one] { $number } month later
        *[other] { $number } months later
    }
years-earlier =
    { $count ->
        [one] { $number } year earlier
        *[other] { $number } years earlier
    }
years-later =
    { $count ->
        [one] { $number } year later
        *[other] { $number } years later
    }
heading-related = Related articles
heading-more = More articles
heading-latest = Latest articles
heading-story = The story so far
beginning = Beginning
turn = Turn
