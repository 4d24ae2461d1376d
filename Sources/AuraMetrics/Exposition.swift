/// Metrics in Prometheus' text format, version 0.0.4: each family once, with its HELP and TYPE before its samples.
package struct Exposition {
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  package typealias Labels = [(name: String, value: String)]
  package enum Kind: String { case counter, gauge }

  private(set) package var text = ""

  package init() {}

  /// A family with one sample that has no labels.
  package mutating func add(_ kind: Kind, _ name: String, _ help: String, _ value: Int) {
    begin(name, kind.rawValue, help)
    sample(name, [], "\(value)")
  }

  package mutating func add(_ kind: Kind, _ name: String, _ help: String, _ value: Double) {
    begin(name, kind.rawValue, help)
    sample(name, [], "\(value)")
  }

  /// A family of samples that differ in their labels; they are written in the labels' order.
  package mutating func add(_ kind: Kind, _ name: String, _ help: String, _ samples: [(Labels, Int)]) {
    begin(name, kind.rawValue, help)
    let lines = samples.map { (Self.text(of: $0.0), $0.1) }.sorted { $0.0 < $1.0 }
    for (labels, value) in lines { text += "\(name)\(labels) \(value)\n" }
  }

  package mutating func add(_ name: String, _ help: String, _ reading: Histogram.Reading) {
    begin(name, "histogram", help)
    var total = 0
    for (place, count) in reading.counts.enumerated() {
      total += count
      let bound = place < reading.bounds.count ? Self.number(reading.bounds[place], reading.unit) : "+Inf"
      sample(name + "_bucket", [("le", bound)], "\(total)")
    }
    sample(name + "_sum", [], Self.number(reading.sum, reading.unit))
    sample(name + "_count", [], "\(total)")
  }

  private mutating func begin(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(Self.escape(help, quotes: false))\n# TYPE \(name) \(type)\n"
  }

  private mutating func sample(_ name: String, _ labels: Labels, _ value: String) {
    text += name + Self.text(of: labels) + " " + value + "\n"
  }

  private static func text(of labels: Labels) -> String {
    labels.isEmpty
      ? "" : "{" + labels.map { "\($0.name)=\"\(escape($0.value, quotes: true))\"" }.joined(separator: ",") + "}"
  }

  private static func number(_ value: Int, _ unit: Histogram.Unit) -> String {
    switch unit {
    case .seconds: "\(Double(value) / 1e9)"
    case .plain: "\(value)"
    }
  }

  private static func escape(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }
}
