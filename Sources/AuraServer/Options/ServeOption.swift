/// One thing that `aura serve` can be told: by a flag, in the environment, in the configuration file, or by default.
/// `ServeOption.all` is the only list of them: parsing, checks, `--help` and the README's reference are made from it.
package struct ServeOption: Sendable {
  package enum Value: Sendable, Equatable {
    case text(String)
    case number(Int)
    case flag(Bool)
    case list([String])
  }

  package enum Kind: Sendable, Equatable {
    /// `value` is how help names what is to be written: `dir`, `file`.
    case text(value: String)
    case number(ClosedRange<Int>)
    case flag
    /// May be repeated; in the environment separated by commas, in a file an array.
    case list(value: String)
    case choice([String])
  }

  package enum Group: String, Sendable, CaseIterable {
    case place = "Where"
    case trust = "Who may come in"
    case messages = "Messages"
    case limits = "Limits"
    case log = "Log"
    case start = "Start"
  }

  /// What an option may not be, as the end of a sentence that names it: `is a number from 1 to 64`.
  package struct Refusal: Error {
    var words: String
    init(_ words: String) { self.words = words }
  }

  package var name: String
  package var group: Group
  package var kind: Kind
  /// `nil`: nothing, unless it is given.
  package var standard: Value?
  package var help: String
  /// Never printed.
  package var isSecret = false
  /// Of the command line alone.
  package var isFlagOnly = false
  /// Taken up anew by SIGHUP.
  package var isReloaded = false
  /// Checks what the kind does not say, and puts the value where it belongs.
  var apply: @Sendable (inout ServeSettings, Value) throws(Refusal) -> Void

  /// `AURA_TLS_CERT` for `tls-cert`.
  package var variable: String { "AURA_" + name.uppercased().replacing("-", with: "_") }

  init(
    _ name: String, _ group: Group, _ kind: Kind, _ standard: Value?, secret isSecret: Bool = false,
    flagOnly isFlagOnly: Bool = false, reloaded isReloaded: Bool = false, _ help: String,
    apply: @escaping @Sendable (inout ServeSettings, Value) throws(Refusal) -> Void
  ) {
    self.name = name
    self.group = group
    self.kind = kind
    self.standard = standard
    self.isSecret = isSecret
    self.isFlagOnly = isFlagOnly
    self.isReloaded = isReloaded
    self.help = help
    self.apply = apply
  }
}

extension ServeOption.Value {
  var text: String { if case .text(let text) = self { text } else { "" } }
  var number: Int { if case .number(let number) = self { number } else { 0 } }
  var flag: Bool { if case .flag(let flag) = self { flag } else { false } }
  var list: [String] { if case .list(let list) = self { list } else { [] } }

  /// As one writes it.
  package var words: String {
    switch self {
    case .text(let text): text
    case .number(let number): "\(number)"
    case .flag(let flag): "\(flag)"
    case .list(let list): list.joined(separator: ",")
    }
  }
}
