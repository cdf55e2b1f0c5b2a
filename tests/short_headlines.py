"""Short headlines: English ones that hold words or letters of other languages, and some in other languages."""

from __future__ import annotations

SHORT_ENGLISH = (
    "Storm batters coast, dozens feared dead",
    "Mayor quits amid bribery probe",
    "Budget talks collapse, ministers blame rivals",
    "Historic Mat Maid warehouse burns down",
    "INS Sukanya intercepts pirate ships, arms",
    "USA.gov Mobile Apps Gallery relaunched today",
    "Mobile Webinar Series Recap: Responsive Design",
    "Air quality company IQAir reports record",
    "Jenniffer González Colón takes office today",
    "Luke Littler defeats Michael van Gerwen",
    "Rail strike halts trains, thousands stranded",
    "Court upholds ban, campaigners vow appeal",
)
SHORT = {
    "es": (
        "Temporal azota la costa norte", "El Gobierno sube los impuestos", "Muere el actor a los noventa",
        "La huelga para los trenes", "Dimite el alcalde por sobornos", "El tribunal confirma la prohibición",
        "Cae la inflación en marzo", "Un incendio arrasa el mercado", "Los vecinos vuelven a sus casas",
        "Detenido por robar en iglesias", "España gana en la prórroga", "Más lluvia para el domingo",
    ),
    "tr": (
        "Fırtına kıyıyı vurdu, onlarca ölü", "Belediye başkanı rüşvet iddiasıyla istifa etti",
        "Bütçe görüşmeleri çöktü", "Tarihi depo yandı", "Deprem Ankara'da hissedildi", "Yeni vergi paketi Meclis'te",
        "Mahkeme yasağı onadı", "Tren grevi binlerce yolcuyu bekletti", "Enflasyon mart ayında düştü",
        "Kar yolları kapattı", "Bakan istifa etti", "Milli takım finale çıktı",
    ),
    "vi": (
        "Bão số ba đổ bộ miền Trung", "Giá xăng tăng trở lại", "Quốc hội thông qua luật mới",
        "Thị trưởng từ chức vì nhận hối lộ", "Cháy lớn tại chợ trung tâm", "Đường sắt ngừng chạy vì đình công",
        "Tòa giữ nguyên lệnh cấm", "Lạm phát giảm trong tháng ba", "Đội tuyển vào chung kết",
        "Động đất nhẹ ở miền núi", "Người dân trở về nhà", "Mưa lớn kéo dài đến Chủ nhật",
    ),
}  # fmt: skip
