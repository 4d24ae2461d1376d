import AuraDomain

@testable import AuraDelivery

enum Parcels {
  static let clinic = ID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001)
  static let start = Instant(milliseconds: 1_770_000_000_000)

  static func dispatch(_ number: Int = 1, channel: Channel = .sms, to address: String = "+66812345678") -> Dispatch {
    Dispatch(
      clinic: clinic, execution: ID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0001_0000 + UInt64(number)),
      channel: channel, attempt: 1, leaseUntil: start + .seconds(60), address: address, language: .th,
      text: "สวัสดีค่ะ")
  }

  static func webhook(_ name: String = "gw.example") -> Gateways.Route {
    .webhook(
      .init(url: "https://\(name)/", host: .init(name: name, port: 443), secret: Array(repeating: 1, count: 32)))
  }

  /// Nobody listens there: what is begun fails at once.
  static var deadEnd: Gateways.Route {
    let host = Gateways.Host(name: "127.0.0.1", port: 1, allowsPrivate: true)
    return .webhook(.init(url: "https://127.0.0.1:1/", host: host, secret: Array(repeating: 7, count: 32)))
  }

  static func parcel(_ number: Int, host: String = "gw.example") -> Parcel {
    Parcel(dispatch: dispatch(number), clinicCode: "BKK01", route: webhook(host))
  }
}
