import Configuration

/// The words behind `aura serve`, by the table of options: `--name value`, `--name=value`, `--flag`.
struct CommandLineFlags {
  let provider: InMemoryProvider

  init(_ arguments: [String]) throws(ServeSettings.Failure) {
    var given: [String: [String]] = [:]
    var rest = arguments[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("--") else {
        throw .init(description: "Nothing stands for itself here: \(word.prefix(40)) belongs to no option.")
      }
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard let option = ServeOption.all.first(where: { $0.name == name }) else {
        throw .init(description: "There is no option --\(name.prefix(40)): see aura serve --help.")
      }
      let value: String
      if parts.count == 2 {
        value = String(parts[1])
      } else if option.kind == .flag {
        value = "true"
      } else if let next = rest.popFirst() {
        value = next
      } else {
        throw .init(description: "--\(name) needs a value: it \(option.kind.demand).")
      }
      given[name, default: []].append(value)
    }
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for option in ServeOption.all {
      guard let words = given[option.name], let last = words.last else { continue }
      guard let content = option.kind.content(of: words, last: last) else {
        throw .init(description: "--\(option.name) \(option.kind.demand) (from the option --\(option.name)).")
      }
      values[AbsoluteConfigKey([option.name])] = ConfigValue(content, isSecret: option.isSecret)
    }
    provider = InMemoryProvider(name: "flags", values: values)
  }
}

extension ServeOption.Kind {
  /// What was written behind a flag; of an option that is one value, the last counts.
  fileprivate func content(of words: [String], last: String) -> ConfigContent? {
    switch self {
    case .text, .choice: .string(last)
    case .number: Int(last).map(ConfigContent.int)
    case .flag: Bool(last).map(ConfigContent.bool)
    case .list: .stringArray(words)
    }
  }
}
