story = यही ख़बर: { $names }
update = इस ख़बर का ताज़ा रूप
topic = इस पर भी: { $names }
place = उसी जगह: { $names }
event = उसी तरह की घटना: { $names }
tag = इसी टैग से: { $names }
author = इसी लेखक से: { $names }
similar = मिलते-जुलते विषय पर
section = { $section } से और
latest = ताज़ा
popular = लोकप्रिय
pinned = संपादकों की पसंद
further = और पढ़ें
same-day = उसी दिन
days-earlier = { $number } दिन पहले
days-later = { $number } दिन बाद
weeks-earlier =
    { $count ->
        [one] { $number } सप्ताह पहले
        *[other] { $number } सप्ताह पहले
    }
weeks-later =
    { $count ->
        [one] { $number } सप्ताह बाद
        *[other] { $number } सप्ताह बाद
    }
months-earlier =
    { $count ->
        [one] { $number } महीना पहले
        *[other] { $number } महीने पहले
    }
months-later =
    { $count ->
        [one] { $number } महीना बाद
        *[other] { $number } महीने बाद
    }
years-earlier = { $number } साल पहले
years-later = { $number } साल बाद
heading-related = संबंधित लेख
heading-more = अन्य लेख
heading-latest = नवीनतम लेख
heading-story = अब तक की कहानी
beginning = शुरुआत
turn = मोड़
