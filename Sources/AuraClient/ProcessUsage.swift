import Foundation

/// CPU time of another process of this machine, as Linux counts it.
enum ProcessUsage {
  /// User and system time in seconds; nil where it cannot be read.
  static func cpuSeconds(of process: Int32) -> Double? {
    // proc(5): the name in brackets may hold blanks; utime and stime are the 14th and 15th fields.
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 13, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }
}
