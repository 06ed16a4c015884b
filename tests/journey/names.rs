//! Names and places in many scripts, chosen because software often mishandles them: case folding, normalization, text
//! direction, joining characters, and characters outside the Basic Multilingual Plane.

/// The region that a generated user comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Culture {
    pub(crate) locale: &'static str,
    pub(crate) timezone: &'static str,
    pub(crate) country: &'static str,
    pub(crate) city: &'static str,
    pub(crate) street: &'static str,
    pub(crate) given: &'static [&'static str],
    pub(crate) family: &'static [&'static str],
    pub(crate) family_first: bool,
    pub(crate) right_to_left: bool,
}

/// A culture with the given name first and text from left to right, and the base of the others.
const LATIN: Culture = Culture {
    locale: "en-GB",
    timezone: "Europe/London",
    country: "GB",
    city: "London",
    street: "St James’s Square",
    given: &["Ada", "Charles", "Mary-Anne", "Siân", "Seán"],
    family: &["Lovelace", "Babbage", "O'Connor", "Ffion–Hughes", "McAllister II"],
    family_first: false,
    right_to_left: false,
};

pub(crate) const CULTURES: &[Culture] = &[
    LATIN,
    Culture {
        locale: "de-CH",
        timezone: "Europe/Zurich",
        country: "CH",
        city: "Zürich",
        street: "Großmünsterplatz",
        // Full case folding maps both ß and ẞ (U+1E9E) to "ss".
        given: &["Jürgen", "Zoë", "Käthe", "Weiß", "GROẞ"],
        family: &["Müller", "Strauß", "von der Groeben", "Łuczak-Öhler"],
        ..LATIN
    },
    Culture {
        locale: "fr-FR",
        timezone: "Europe/Paris",
        country: "FR",
        city: "Besanc\u{327}on",
        street: "Rue de l'E\u{301}glise",
        // Decomposed characters, which must be returned as sent.
        given: &["Rene\u{301}e", "Franc\u{327}oise", "Ambroise", "Noe\u{308}l"],
        family: &["Lefe\u{300}vre", "d’Ormesson", "Cœur", "Saint-Exupe\u{301}ry"],
        ..LATIN
    },
    Culture {
        locale: "tr-TR",
        timezone: "Europe/Istanbul",
        country: "TR",
        city: "İzmir",
        street: "Işıklar Caddesi",
        // Dotted and dotless i fold differently.
        given: &["Işıl", "İlker", "ışık", "Çağla"],
        family: &["Yıldız", "İnönü", "Şahin", "Güneş"],
        ..LATIN
    },
    Culture {
        locale: "vi-VN",
        timezone: "Asia/Ho_Chi_Minh",
        country: "VN",
        city: "Thành phố Hồ Chí Minh",
        street: "Đường Nguyễn Huệ",
        given: &["Phượng", "Đức", "Thị Ngọc Ánh"],
        family: &["Nguyễn", "Trần", "Huỳnh"],
        family_first: true,
        ..LATIN
    },
    Culture {
        locale: "el-GR",
        timezone: "Europe/Athens",
        country: "GR",
        city: "Θεσσαλονίκη",
        street: "Οδός Ερμού",
        // A final sigma, and an iota subscript that folds to two letters.
        given: &["Ὀδυσσεύς", "Γιώργος", "ΝΊΚΟΣ", "ᾠδή"],
        family: &["Παπαδόπουλος", "Αγγελόπουλος", "Οικονόμου"],
        ..LATIN
    },
    Culture {
        locale: "ru-RU",
        timezone: "Asia/Yekaterinburg",
        country: "RU",
        city: "Екатеринбург",
        street: "улица Ленина",
        given: &["Наталья", "Артём", "Юлия", "Семён"],
        family: &["Щербакова", "Ёлкин", "Йорданов"],
        family_first: true,
        ..LATIN
    },
    Culture {
        locale: "ka-GE",
        timezone: "Asia/Tbilisi",
        country: "GE",
        city: "თბილისი",
        street: "რუსთაველის გამზირი",
        // The second name is the first one in capitals, which are in another Unicode block.
        given: &["ნინო", "ᲜᲘᲜᲝ", "გიორგი"],
        family: &["ბერიძე", "კაპანაძე"],
        ..LATIN
    },
    Culture {
        locale: "ar-EG",
        timezone: "Africa/Cairo",
        country: "EG",
        city: "القاهرة",
        street: "شارع الأزهر",
        given: &["محمد", "فاطِمَة", "عبد الرحمن", "نور"],
        family: &["الحُسيني", "بن خلدون", "إبراهيم"],
        right_to_left: true,
        ..LATIN
    },
    Culture {
        locale: "fa-IR",
        timezone: "Asia/Tehran",
        country: "IR",
        city: "تهران",
        street: "خیابان ولی‌عصر",
        // With the zero-width non-joiner of Persian orthography.
        given: &["علی\u{200c}رضا", "پریسا", "ژاله"],
        family: &["کریمی\u{200c}نژاد", "گل\u{200c}محمدی"],
        right_to_left: true,
        ..LATIN
    },
    Culture {
        locale: "he-IL",
        timezone: "Asia/Jerusalem",
        country: "IL",
        city: "ירושלים",
        street: "רחוב יפו",
        given: &["שָׂרָה", "אברהם", "נועם"],
        family: &["בן־גוריון", "כהן", "לֵוִי"],
        right_to_left: true,
        ..LATIN
    },
    Culture {
        locale: "hi-IN",
        timezone: "Asia/Kolkata",
        country: "IN",
        city: "नई दिल्ली",
        street: "राजपथ मार्ग",
        given: &["कृष्ण", "लक्ष्मी", "श्रीनिवास", "क़ादिर"],
        family: &["शर्मा", "त्रिपाठी", "मिश्र"],
        ..LATIN
    },
    Culture {
        locale: "th-TH",
        timezone: "Asia/Bangkok",
        country: "TH",
        city: "กรุงเทพมหานคร",
        street: "ถนนสุขุมวิท",
        given: &["สมชาย", "กุลธิดา", "น้ำฝน"],
        family: &["ศรีสุวรรณ", "วงศ์ใหญ่"],
        ..LATIN
    },
    Culture {
        locale: "zh-CN",
        timezone: "Asia/Shanghai",
        country: "CN",
        city: "北京市",
        street: "长安街",
        // Some characters are outside the Basic Multilingual Plane.
        given: &["伟", "秀英", "𠮷祥", "小𡈽"],
        family: &["王", "欧阳", "𫍽"],
        family_first: true,
        ..LATIN
    },
    Culture {
        locale: "ja-JP",
        timezone: "Asia/Tokyo",
        country: "JP",
        city: "東京都",
        street: "銀座四丁目",
        // Half-width and decomposed kana, and an ideograph with a variation selector.
        given: &["さくら", "ﾀﾛｳ", "か\u{3099}くと", "葛\u{e0100}城"],
        family: &["渡邉", "髙橋", "𠮷野家"],
        family_first: true,
        ..LATIN
    },
    Culture {
        locale: "ko-KR",
        timezone: "Asia/Seoul",
        country: "KR",
        city: "서울특별시",
        street: "세종대로",
        // The last name consists of single jamo, which NFC would compose.
        given: &["민준", "서연", "\u{1112}\u{1161}\u{11ab}"],
        family: &["김", "이", "남궁"],
        family_first: true,
        ..LATIN
    },
];

/// Emoji of one to seven code points, with skin tones, joiners, variation selectors, flags and tags.
pub(crate) const EMOJI: &[&str] = &[
    "🦀",
    "❤\u{fe0f}",
    "👩🏽\u{200d}💻",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "🏳\u{fe0f}\u{200d}🌈",
    "🇨🇭",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "1\u{fe0f}\u{20e3}",
];

/// Text that exposes incorrect quoting, escaping and formatting.
pub(crate) const AWKWARD: &[&str] = &[
    "Robert'); DROP TABLE users;--",
    "\" \\ / \u{8}\u{c}\n\r\t",
    "\u{1}\u{1f}\u{7f}\u{85}\u{2028}\u{2029}\u{feff}",
    "\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
    "%s %n {0} ${HOME} {{x}} <b>&amp;</b>",
    "null",
    " leading and trailing ",
    "Z\u{351}\u{36b}\u{343}\u{32a}\u{302}a\u{33a}l\u{334}g\u{322}o\u{315}",
];

pub(crate) const DOMAINS: &[&str] = &["example.com", "mail.example.org", "bücher.example", "例子.example"];
