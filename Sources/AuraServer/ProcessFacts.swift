import Foundation

/// What the system says about this process.
struct ProcessFacts {
  var cpuSeconds: Double
  var residentBytes: Int
  var descriptors: Int
  var descriptorsMax: Int

  static var now: ProcessFacts {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
    let resident = pages.flatMap { $0.count > 1 ? Int($0[1]) : nil } ?? 0
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd"))?.count ?? 0
    return ProcessFacts(
      cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime), residentBytes: resident * Int(getpagesize()),
      descriptors: open, descriptorsMax: Int(clamping: limit.rlim_cur))
  }
}
