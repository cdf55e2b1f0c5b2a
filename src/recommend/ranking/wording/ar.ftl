story = القصة نفسها: { $names }
update = تحديث لهذا الخبر
topic = أيضًا عن: { $names }
place = في المكان نفسه: { $names }
event = حدث من النوع نفسه: { $names }
tag = بالوسم نفسه: { $names }
author = للكاتب نفسه: { $names }
similar = في موضوع مشابه
section = المزيد من { $section }
latest = الأحدث
popular = الأكثر قراءة
pinned = اختيار المحررين
further = اقرأ أيضًا
same-day = في اليوم نفسه
days-earlier =
    { $count ->
        [one] قبل ذلك بيوم
        [two] قبل ذلك بيومين
        [few] قبل ذلك بـ { $number } أيام
        [many] قبل ذلك بـ { $number } يومًا
        *[other] قبل ذلك بـ { $number } يوم
    }
days-later =
    { $count ->
        [one] بعد ذلك بيوم
        [two] بعد ذلك بيومين
        [few] بعد ذلك بـ { $number } أيام
        [many] بعد ذلك بـ { $number } يومًا
        *[other] بعد ذلك بـ { $number } يوم
    }
weeks-earlier =
    { $count ->
        [one] قبل ذلك بأسبوع
        [two] قبل ذلك بأسبوعين
        [few] قبل ذلك بـ { $number } أسابيع
        [many] قبل ذلك بـ { $number } أسبوعًا
        *[other] قبل ذلك بـ { $number } أسبوع
    }
weeks-later =
    { $count ->
        [one] بعد ذلك بأسبوع
        [two] بعد ذلك بأسبوعين
        [few] بعد ذلك بـ { $number } أسابيع
        [many] بعد ذلك بـ { $number } أسبوعًا
        *[other] بعد ذلك بـ { $number } أسبوع
    }
months-earlier =
    { $count ->
        [one] قبل ذلك بشهر
        [two] قبل ذلك بشهرين
        [few] قبل ذلك بـ { $number } أشهر
        [many] قبل ذلك بـ { $number } شهرًا
        *[other] قبل ذلك بـ { $number } شهر
    }
months-later =
    { $count ->
        [one] بعد ذلك بشهر
        [two] بعد ذلك بشهرين
        [few] بعد ذلك بـ { $number } أشهر
        [many] بعد ذلك بـ { $number } شهرًا
        *[other] بعد ذلك بـ { $number } شهر
    }
years-earlier =
    { $count ->
        [one] قبل ذلك بسنة
        [two] قبل ذلك بسنتين
        [few] قبل ذلك بـ { $number } سنوات
        [many] قبل ذلك بـ { $number } سنة
        *[other] قبل ذلك بـ { $number } سنة
    }
years-later =
    { $count ->
        [one] بعد ذلك بسنة
        [two] بعد ذلك بسنتين
        [few] بعد ذلك بـ { $number } سنوات
        [many] بعد ذلك بـ { $number } سنة
        *[other] بعد ذلك بـ { $number } سنة
    }
heading-related = مقالات ذات صلة
heading-more = مقالات أخرى
heading-latest = أحدث المقالات
heading-story = القصة حتى الآن
beginning = البداية
turn = منعطف
