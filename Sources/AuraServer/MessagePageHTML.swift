import AuraDomain
import AuraTransport

/// The pages behind messages' links as HTML: no script, one style of their own, forms that any browser sends.
enum MessagePageHTML {
  enum Fault {
    case notFound, notAllowed, tooLong, busy
    case tooMany(Span)
  }

  /// `words` may be anything that people and clinics write: every value goes through `escaped`.
  static func page(
    _ view: MessagePageView, _ id: ID, _ form: MessagePageForm, _ language: Language, status: Int = 200
  ) -> HTTPResponse {
    let words = MessagePageWords(language: language)
    let title = words.title(view.page, treatment: view.treatment?[language])
    let clinic = view.clinic[language]
    var body = Body(view: view, id: id, form: form, words: words)
    body.write(title)
    let other = words.other
    let header = """
      <header><p class="clinic">\(escaped(clinic))</p>\
      <a class="language" href="?lang=\(other.language.rawValue)" hreflang="\(other.language.rawValue)" \
      lang="\(other.language.rawValue)" aria-label="\(escaped(other.name)): \(escaped(words.switchLabel))">\
      \(escaped(other.name))</a></header>
      """
    let prefix = form.problem == nil ? "" : words.errorPrefix + ": "
    return answer(
      status: status,
      document(
        language: language, title: "\(prefix)\(title) · \(clinic)",
        header + "<main>\(body.html)</main>" + contact(view, words)))
  }

  static func seeOther(_ location: String) -> HTTPResponse {
    var response = answer(status: 303, "")
    response.headers.append(("Location", location))
    return response
  }

  /// In both languages: nobody knows whose it would have been.
  static func fault(_ fault: Fault) -> HTTPResponse {
    let (status, words): (Int, (title: Texts, text: Texts)) =
      switch fault {
      case .notFound: (404, MessagePageWords.missing)
      case .notAllowed: (405, MessagePageWords.missing)
      case .tooLong: (413, MessagePageWords.tooLong)
      case .busy: (503, MessagePageWords.busy)
      case .tooMany: (429, MessagePageWords.tooMany)
      }
    let html = """
      <main><h1>\(escaped(words.title.th))</h1><p>\(escaped(words.text.th))</p>\
      <section lang="en"><h2>\(escaped(words.title.en))</h2><p>\(escaped(words.text.en))</p></section></main>
      """
    var response = answer(status: status, document(language: .th, title: words.title.th, html))
    switch fault {
    case .notAllowed: response.headers.append(("Allow", "GET, HEAD, POST"))
    case .tooMany(let wait): response.headers.append(("Retry-After", "\(max(1, (wait.milliseconds + 999) / 1_000))"))
    case .busy: response.headers.append(("Retry-After", "2"))
    case .notFound, .tooLong: break
    }
    return response
  }

  private static func document(language: Language, title: String, _ body: String) -> String {
    """
    <!doctype html>
    <html lang="\(language.rawValue)"><head><meta charset="utf-8"><title>\(escaped(title))</title>\
    <meta name="viewport" content="width=device-width, initial-scale=1">\
    <meta name="robots" content="noindex"><meta name="format-detection" content="telephone=no">\
    <style>\(MessagePageStyle.css)</style></head><body>\(body)</body></html>

    """
  }

  private static func answer(status: Int, _ html: String) -> HTTPResponse {
    HTTPResponse(
      status: status,
      headers: [
        ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"),
        (
          "Content-Security-Policy",
          "default-src 'none'; style-src '\(MessagePageStyle.hash)'; form-action 'self'; base-uri 'none'; "
            + "frame-ancestors 'none'"
        ),
        // The address is the key to the page.
        ("Referrer-Policy", "no-referrer"), ("X-Robots-Tag", "noindex, nofollow"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
      ], body: Array(html.utf8))
  }

  private static func contact(_ view: MessagePageView, _ words: MessagePageWords) -> String {
    var items = ""
    if let phone = view.contact.phone {
      let digits = String(phone.filter { $0.isASCII && ($0.isNumber || $0 == "+") })
      items += "<li><a href=\"tel:\(escaped(digits))\">\(escaped(words.phone(phone)))</a></li>"
    }
    if let line = view.contact.line {
      items +=
        "<li><a href=\"https://line.me/R/ti/p/%40\(escaped(String(line.dropFirst())))\" rel=\"noreferrer\">"
        + "\(escaped(words.line(line)))</a></li>"
    }
    let how = items.isEmpty ? "<p>\(escaped(words.noContact))</p>" : "<ul>\(items)</ul>"
    return "<footer><h2>\(escaped(words.contact))</h2>\(how)</footer>"
  }

  /// For text and for attributes in double quotes. What browsers take for no text at all is left out.
  static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\n", "\t": result.unicodeScalars.append(scalar)
      default: if scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) { result.unicodeScalars.append(scalar) }
      }
    }
    return result
  }
}

/// What stands between a page's head and its foot.
private struct Body {
  let view: MessagePageView
  let id: ID
  let form: MessagePageForm
  let words: MessagePageWords
  var html = ""

  init(view: MessagePageView, id: ID, form: MessagePageForm, words: MessagePageWords) {
    (self.view, self.id, self.form, self.words) = (view, id, form, words)
  }

  mutating func write(_ title: String) {
    html += "<h1>\(text(title))</h1>"
    switch view.page {
    case .care: care()
    case .survey: survey()
    case .stop: stop()
    case .offer, .book, .pay, .portal:
      quote()
      if !view.isCallAsked { html += "<p>\(text(words.lead(view.page)))</p>" }
      call()
    }
  }

  private func text(_ text: String) -> String { MessagePageHTML.escaped(text) }
  private var action: String { "?lang=\(words.language.rawValue)" }

  private mutating func done(_ sentence: String) { html += "<p class=\"done\" role=\"status\">\(text(sentence))</p>" }

  private mutating func quote() {
    html += "<figure><figcaption>\(text(words.weWrote))</figcaption><blockquote lang=\"\(view.language.rawValue)\">"
    for part in view.words {
      switch part {
      case .text(let words): html += text(words)
      case .link(view.page): html += "(\(text(words.thisPage)))"
      case .link(let page):
        html += "<a href=\"../\(page.rawValue)/\(id)?lang=\(words.language.rawValue)\">\(text(words.name(page)))</a>"
      }
    }
    html += "</blockquote></figure>"
  }

  private mutating func care() {
    let notes = (view.aftercare?[words.language] ?? "").split(whereSeparator: \.isNewline).map(String.init)
    if notes.isEmpty { html += "<h2>\(text(words.generalCareIntro))</h2>" }
    html += "<ul class=\"advice\">"
    for line in notes.isEmpty ? words.generalCare : notes { html += "<li>\(text(line))</li>" }
    html += "</ul>"
    html += "<p class=\"worry\">\(text(words.worry))</p>"
    call()
  }

  private mutating func survey() {
    if let rating = view.rating, form.problem == nil {
      done(words.thanks(rating))
      if rating <= 2 { html += "<p>\(text(words.sorry))</p>" }
      html += "<details><summary>\(text(words.changeRating))</summary>"
      ratingForm()
      html += "</details>"
    } else {
      ratingForm()
    }
  }

  private mutating func ratingForm() {
    let isWrong = form.problem == .noRating
    html += "<form method=\"post\" action=\"\(action)\"><fieldset\(isWrong ? " aria-describedby=\"why\"" : "")>"
    html += "<legend>\(text(words.question))</legend>"
    if isWrong { html += "<p class=\"wrong\" id=\"why\" role=\"alert\">\(text(words.noRating))</p>" }
    html += "<div class=\"marks\">"
    for rating in 1...5 {
      let isChosen = view.rating == rating
      html += "<label><input type=\"radio\" name=\"rating\" value=\"\(rating)\" required\(isChosen ? " checked" : "")>"
      html += "<span><b>\(rating)</b> \(text(words.mark(rating)))</span></label>"
    }
    html += "</div></fieldset><label for=\"comment\">\(text(words.comment))</label>"
    html += "<textarea id=\"comment\" name=\"comment\" rows=\"4\" maxlength=\"\(MessagePages.commentCharactersMax)\">"
    // A first line break after the tag would be dropped.
    html += "\n\(text(form["comment"]))</textarea>"
    html += "<button name=\"do\" value=\"rate\">\(text(words.sendRating))</button></form>"
  }

  private mutating func stop() {
    guard view.isStopped else {
      html += "<p>\(text(words.stopLead))</p><p class=\"quiet\">\(text(words.stopKept))</p>"
      html +=
        "<form method=\"post\" action=\"\(action)\"><button name=\"do\" value=\"stop\">\(text(words.stop))</button></form>"
      return
    }
    done(words.stopped)
    html += "<p class=\"quiet\">\(text(words.stopKept))</p>"
    guard view.canUndoStop else { return }
    html += "<form method=\"post\" action=\"\(action)\"><p id=\"slip\">\(text(words.undoLead))</p>"
    html +=
      "<button class=\"second\" name=\"do\" value=\"undo\" aria-describedby=\"slip\">\(text(words.undo))</button></form>"
  }

  private mutating func call() {
    if view.isCallAsked { return done(words.callAsked) }
    html += "<form method=\"post\" action=\"\(action)\"><h2>\(text(words.callTitle))</h2>"
    html += "<label for=\"note\">\(text(words.callNote))</label>"
    html += "<input id=\"note\" name=\"note\" autocomplete=\"off\" maxlength=\"\(MessagePages.noteCharactersMax)\">"
    html +=
      "<button\(view.page == .care ? " class=\"second\"" : "") name=\"do\" value=\"call\">\(text(words.call))</button></form>"
  }
}
