import AuraDelivery
import AuraDomain

/// What a hub is started with. Every limit has its name here.
package struct ServerConfiguration: Sendable {
  package var host = "127.0.0.1"
  /// 0 lets the system choose.
  package var port = 8080
  package var dataDirectory = "./data"
  package var publicDirectory: String? = "./public"
  package var loops = 1
  package var tls: (certificate: String, key: String)?
  package var allowedOrigins: Set<String> = []
  /// Addresses of proxies in front whose word counts about who asks, and whether by TLS.
  package var trustedProxies: Set<String> = []
  /// Addresses beside the machine's own that may read `/metrics`.
  package var metricsReaders: Set<String> = []
  /// Serves `/echo`, for conformance suites only.
  package var echoes = false
  /// PEM files of an identity provider's public keys, with the issuer that they sign for.
  package var publicKeys: [(path: String, issuer: String)] = []

  /// Who carries the messages that leave the house; without one for a channel they go by the next.
  package var gateways = Gateways.none

  package var limits = SessionLimits()
  package var connectionsMax = 20_000
  package var connectionsPerAddressMax = 20_000
  package var connectionsPerUserMax = 100
  package var readers = 2
  package var clock: @Sendable () -> Instant = { .systemNow }

  package init() {}
}

/// What one connection may do.
package struct SessionLimits: Sendable, Equatable {
  package var frameBytes = 65_536
  /// Requests that wait for their answer.
  package var inFlightMax = 32
  package var commandsPerSecond = 20
  /// Of all connections that a user has on one loop.
  package var userCommandsPerSecond = 100
  /// Frames of any kind; beyond it the connection is closed as rate limited.
  package var framesPerSecond = 200
  package var subscriptionsMax = 32
  /// Answers and other messages that wait for a slow reader; streams keep no more than a place in the log.
  package var waitingMessagesMax = 1_024
  package var helloSeconds = 10
  /// Silence after which the server asks whether somebody is there.
  package var pingMilliseconds = 20_000
  /// How long a socket may take nothing while something waits for it.
  package var slowSeconds = 30
  /// How long before its end a token is asked to be renewed.
  package var authDueSeconds = 60

  package init() {}
}
