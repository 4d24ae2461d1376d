import AuraDomain

/// The words of the pages behind messages' links, in both languages. Simple words: people read them on a phone, between
/// two other things.
struct MessagePageWords {
  let language: Language

  private func say(_ th: String, _ en: String) -> String {
    switch language {
    case .th: th
    case .en: en
    }
  }

  var other: (language: Language, name: String) {
    switch language {
    case .th: (.en, "English")
    case .en: (.th, "ไทย")
    }
  }

  var switchLabel: String { say("Read in English", "อ่านเป็นภาษาไทย") }

  // MARK: Titles

  func title(_ page: MessagePage, treatment: String?) -> String {
    switch page {
    case .care:
      treatment.map { say("การดูแลหลังทำ\($0)", "Looking after yourself after \($0)") }
        ?? say("การดูแลหลังทำทรีตเมนต์", "Looking after yourself after your treatment")
    case .survey:
      treatment.map { say("\($0)ของคุณเป็นอย่างไรบ้างคะ", "How was your \($0)?") }
        ?? say("บริการของเราเป็นอย่างไรบ้างคะ", "How was it?")
    case .offer: say("แผนดูแลต่อเนื่องของคุณ", "Your next step")
    case .book: say("จองคิว", "Book a visit")
    case .pay: say("การชำระเงินของคุณ", "Your payment")
    case .portal: say("แต้มและสิทธิพิเศษของคุณ", "Your points and rewards")
    case .stop: say("เลิกรับข่าวสาร", "Stop receiving news")
    }
  }

  /// A page's name within a sentence.
  func name(_ page: MessagePage) -> String {
    switch page {
    case .care: say("วิธีดูแล", "care")
    case .survey: say("ให้คะแนน", "rate us")
    case .offer: say("ข้อเสนอ", "offer")
    case .book: say("จองคิว", "book")
    case .pay: say("ชำระเงิน", "pay")
    case .portal: say("แต้มของคุณ", "your points")
    case .stop: say("เลิกรับข่าวสาร", "stop")
    }
  }

  var thisPage: String { say("หน้านี้", "this page") }
  var weWrote: String { say("ข้อความที่เราส่งถึงคุณ", "What we wrote to you") }

  func lead(_ page: MessagePage) -> String {
    switch page {
    case .care, .survey, .stop: ""
    case .offer: say("สนใจหรืออยากถามเพิ่มเติม ให้เราโทรหาคุณได้เลยค่ะ", "Interested, or a question? We are glad to call you.")
    case .book: say("เลือกวันเวลากับเราทางโทรศัพท์ได้เลยค่ะ", "Choose a day and time with us by phone.")
    case .pay:
      say(
        "ชำระได้ที่คลินิก หรือให้เราโทรแจ้งวิธีชำระค่ะ เราไม่ขอเลขบัตรทางข้อความหรือหน้านี้",
        "Pay at the clinic, or let us call you about how. We never ask for a card number by message or on this page.")
    case .portal:
      say(
        "แจ้งชื่อของคุณที่คลินิกเพื่อใช้แต้ม หรือให้เราโทรหาคุณค่ะ",
        "Give your name at the clinic to use your points, or let us call you.")
    }
  }

  // MARK: Care

  var generalCare: [String] {
    switch language {
    case .th:
      [
        "หลีกเลี่ยงแดดจัดและทาครีมกันแดดทุกวัน", "ล้างหน้าและบำรุงผิวอย่างอ่อนโยน ไม่ขัด ไม่ถู",
        "งดความร้อนสูง เช่น ซาวน่า และงดออกกำลังกายหนักในวันแรก", "ดื่มน้ำและพักผ่อนให้เพียงพอ",
      ]
    case .en:
      [
        "Keep out of strong sun and use sunscreen every day", "Wash and moisturise gently: no scrubbing, no rubbing",
        "No sauna, no heavy exercise on the first day", "Drink water and rest well",
      ]
    }
  }
  var generalCareIntro: String { say("คำแนะนำทั่วไป", "In general") }
  var worry: String {
    say(
      "หากปวด บวม แดงมากขึ้น หรือไม่สบายใจ ติดต่อเราได้ทันที หากอาการรุนแรงให้ไปโรงพยาบาลหรือโทร 1669",
      "If it hurts, swells or reddens more, or you are worried, contact us at once. In an emergency go to a hospital or call 1669."
    )
  }

  // MARK: Survey

  var question: String { say("ให้คะแนนเรา 1 ถึง 5", "Rate us from 1 to 5") }
  func mark(_ rating: Int) -> String {
    switch rating {
    case 1: say("แย่", "Bad")
    case 2: say("ไม่ค่อยดี", "Poor")
    case 3: say("พอใช้", "Fair")
    case 4: say("ดี", "Good")
    default: say("ดีมาก", "Great")
    }
  }
  var comment: String { say("อยากบอกอะไรเราเพิ่มไหมคะ (ไม่บังคับ)", "Anything you would like to tell us? (optional)") }
  var sendRating: String { say("ส่งคำตอบ", "Send") }
  var changeRating: String { say("แก้ไขคำตอบ", "Change my answer") }
  func thanks(_ rating: Int) -> String {
    say("ขอบคุณค่ะ คุณให้ \(rating) จาก 5", "Thank you. You gave us \(rating) out of 5.")
  }
  var sorry: String {
    say("ขออภัยที่ยังไม่ดีพอ ทีมงานจะติดต่อคุณค่ะ", "We are sorry that it was not better. Somebody will contact you.")
  }
  var noRating: String { say("กรุณาเลือกคะแนน 1 ถึง 5 ก่อนส่ง", "Please choose a rating from 1 to 5 first") }
  var errorPrefix: String { say("ยังไม่ได้ส่ง", "Not sent yet") }

  // MARK: Stop

  var stopLead: String {
    say("กดยืนยันเพื่อเลิกรับข่าวสารและโปรโมชันจากเรา", "Confirm to receive no more news and offers from us.")
  }
  var stopKept: String {
    say(
      "ข้อความเรื่องนัดหมายและการรักษาของคุณยังส่งถึงคุณตามปกติ",
      "Messages about your own appointments and treatments still reach you.")
  }
  var stop: String { say("ยืนยัน เลิกรับข่าวสาร", "Confirm: stop news and offers") }
  var stopped: String {
    say("เรียบร้อยค่ะ เราจะไม่ส่งข่าวสารและโปรโมชันถึงคุณอีก", "Done. You will get no more news and offers from us.")
  }
  var undoLead: String { say("กดพลาดใช่ไหมคะ", "Was that a slip?") }
  var undo: String { say("รับข่าวสารต่อ", "Keep sending me news") }

  // MARK: A call

  var callTitle: String { say("ให้เราโทรหาคุณ", "Let us call you") }
  var callNote: String { say("เวลาที่สะดวก หรือเรื่องที่อยากถาม (ไม่บังคับ)", "When suits you, or what it is about (optional)") }
  var call: String { say("ขอให้โทรกลับ", "Ask for a call") }
  var callAsked: String {
    say("ได้รับแล้วค่ะ เราจะโทรหาคุณตามเบอร์ที่ให้ไว้กับคลินิก", "Got it. We will call the number that you gave us.")
  }

  // MARK: The clinic

  var contact: String { say("ติดต่อคลินิก", "Contact the clinic") }
  func phone(_ number: String) -> String { say("โทร \(number)", "Call \(number)") }
  func line(_ name: String) -> String { "LINE \(name)" }
  var noContact: String {
    say("ตอบกลับข้อความที่เราส่ง หรือแวะมาที่คลินิกได้เลยค่ะ", "Reply to our message, or come by the clinic.")
  }

  // MARK: Where there is no page

  static let missing = (
    title: Texts(th: "ไม่พบหน้านี้", en: "This page is not here"),
    text: Texts(
      th: "ลิงก์อาจหมดอายุหรือไม่ครบ ลองเปิดจากข้อความอีกครั้ง หรือติดต่อคลินิกของคุณ",
      en: "The link may be old or cut short. Try it from the message again, or contact your clinic.")
  )
  static let tooMany = (
    title: Texts(th: "ขอเวลาสักครู่", en: "One moment, please"),
    text: Texts(
      th: "มีการเปิดหน้านี้ถี่เกินไป กรุณาลองใหม่อีกครั้งในอีกสักครู่", en: "Too many visits in a short time. Please try again shortly.")
  )
  static let busy = (
    title: Texts(th: "ระบบยุ่งอยู่", en: "We are busy just now"),
    text: Texts(
      th: "กรุณาลองใหม่อีกครั้งในอีกสักครู่ ยังไม่มีอะไรเปลี่ยนแปลง", en: "Please try again in a moment. Nothing was changed.")
  )
  static let tooLong = (
    title: Texts(th: "ข้อความยาวเกินไป", en: "That was too long"),
    text: Texts(th: "กรุณาเขียนให้สั้นลงแล้วส่งอีกครั้ง", en: "Please write less and send it again.")
  )
}
