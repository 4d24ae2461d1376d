/// The table as people read it.
extension ServeOption {
  /// For `aura serve --help`: groups of options, each with what may be written, what it is for, and its default.
  package static func help(width: Int = 79) -> String {
    Group.allCases.map { group in
      group.rawValue.uppercased() + ":\n"
        + all.filter { $0.group == group }.map { $0.paragraph(width: width) }.joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  /// The README's reference. A test holds the README against it.
  package static var markdown: String {
    let rows = all.map { option in
      let standard = option.standard.map { "`\($0.words)`" } ?? ""
      let name = "`--\(option.name)\(option.placeholder.map { " \($0)" } ?? "")`"
      let variable = option.isFlagOnly ? "" : "`\(option.variable)`"
      let marks = (option.isReloaded ? " ↻" : "")
      return "| \(name)\(marks) | \(variable) | \(standard) | \(option.help) |"
    }
    return (["| option | environment | default | |", "|---|---|---|---|"] + rows).joined(separator: "\n")
  }

  private var placeholder: String? {
    switch kind {
    case .text(let value), .list(let value): value
    case .number: "n"
    case .flag: nil
    case .choice: name.split(separator: "-").last.map(String.init)
    }
  }

  private func paragraph(width: Int) -> String {
    let head = "  --\(name)" + (placeholder.map { " <\($0)>" } ?? "")
    var words = help
    if case .choice(let choices) = kind { words += " One of \(choices.joined(separator: ", "))." }
    if case .number(let range) = kind { words += " \(range.lowerBound) to \(range.upperBound)." }
    if case .list = kind { words += " May be repeated." }
    if let standard, kind != .flag { words += " (default: \(standard.words))" }
    let column = 32
    var lines: [String] = []
    var line = ""
    for word in words.split(separator: " ") {
      if line.count + word.count + 1 > width - column, !line.isEmpty {
        lines.append(line)
        line = ""
      }
      line += line.isEmpty ? String(word) : " " + word
    }
    lines.append(line)
    let indent = String(repeating: " ", count: column)
    let first = head.count < column ? head + String(repeating: " ", count: column - head.count) : head + "\n" + indent
    return first + lines.joined(separator: "\n" + indent)
  }
}
