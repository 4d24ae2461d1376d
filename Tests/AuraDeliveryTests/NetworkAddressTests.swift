import Testing

@testable import AuraDelivery

@Suite struct NetworkAddressTests {
  @Test(
    arguments: [
      ("1.1.1.1", .world), ("9.255.255.255", .world), ("11.0.0.0", .world), ("100.63.255.255", .world),
      ("100.128.0.0", .world), ("126.255.255.255", .world), ("128.0.0.1", .world), ("169.253.255.255", .world),
      ("172.15.255.255", .world), ("172.32.0.0", .world), ("192.0.1.0", .world), ("192.167.255.255", .world),
      ("192.169.0.0", .world), ("198.17.255.255", .world), ("198.20.0.0", .world), ("203.0.114.0", .world),
      ("223.255.255.255", .world),

      ("10.0.0.0", .inside), ("10.255.255.255", .inside), ("100.64.0.0", .inside), ("100.127.255.255", .inside),
      ("127.0.0.1", .inside), ("127.255.255.255", .inside), ("172.16.0.0", .inside), ("172.31.255.255", .inside),
      ("192.168.0.0", .inside), ("192.168.255.255", .inside),

      ("0.0.0.0", .never), ("0.255.255.255", .never), ("169.254.0.0", .never), ("169.254.169.254", .never),
      ("192.0.0.170", .never), ("192.0.2.1", .never), ("192.88.99.1", .never), ("198.18.0.0", .never),
      ("198.19.255.255", .never), ("198.51.100.7", .never), ("203.0.113.7", .never), ("224.0.0.1", .never),
      ("239.255.255.255", .never), ("240.0.0.1", .never), ("255.255.255.255", .never),

      ("2606:4700:4700::1111", .world), ("2001:4860:4860::8888", .world), ("2a00::1", .world), ("3ffe::1", .world),
      ("2001:200::1", .world), ("2001:db9::1", .world),

      ("::1", .inside), ("fc00::1", .inside), ("fdff:ffff::1", .inside),

      ("::", .never), ("::2", .never), ("::127.0.0.1", .never), ("fe80::1", .never), ("febf::1", .never),
      ("fec0::1", .never), ("ff02::1", .never), ("100::1", .never), ("2001::1", .never), ("2001:1ff::1", .never),
      ("2001:db8::1", .never), ("3fff:fff::1", .never), ("4000::1", .never), ("5f00::1", .never),
      ("64:ff9b:1::1", .never),

      // An IPv4 address in another dress.
      ("::ffff:1.1.1.1", .world), ("::ffff:127.0.0.1", .inside), ("::ffff:10.1.2.3", .inside),
      ("::ffff:169.254.169.254", .never), ("::ffff:0.0.0.0", .never),
      ("64:ff9b::1.1.1.1", .world), ("64:ff9b::127.0.0.1", .inside), ("64:ff9b::192.168.1.1", .inside),
      ("64:ff9b::169.254.169.254", .never),
      ("2002:101:101::1", .world), ("2002:7f00:1::1", .inside), ("2002:a9fe:a9fe::1", .never),
    ] as [(String, NetworkAddress.Reach)])
  func `an address is as far away as its registry says`(text: String, reach: NetworkAddress.Reach) throws {
    #expect(try #require(NetworkAddress(text)).reach == reach, "\(text)")
  }

  @Test(arguments: ["", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.04x", "::1%lo", "[::1]", "0x7f.1"])
  func `what is no address is none`(text: String) {
    #expect(NetworkAddress(text) == nil)
  }
}
