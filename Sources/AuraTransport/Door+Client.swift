import CLibWebSockets

extension Door {
  /// Begins to connect. What comes of it arrives as events of the connection.
  func connect(_ connection: Connection, _ address: WebSocketAddress) {
    var info = lws_client_connect_info()
    info.context = context
    info.vhost = vhost
    info.port = Int32(address.port)
    info.ietf_version_or_minus_one = -1
    info.opaque_user_data = Unmanaged.passUnretained(connection).toOpaque()
    if address.isEncrypted {
      var flags = LCCSCF_USE_SSL.rawValue
      if loop.client?.trustsAnyCertificate == true {
        flags |=
          LCCSCF_ALLOW_SELFSIGNED.rawValue | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK.rawValue
          | LCCSCF_ALLOW_INSECURE.rawValue
      }
      info.ssl_connection = Int32(bitPattern: flags)
    }
    // libwebsockets copies the texts before it returns.
    let texts = CStrings()
    info.address = UnsafePointer(texts.make(address.host))
    info.host = UnsafePointer(texts.make(address.hostHeader))
    info.path = UnsafePointer(texts.make(address.path))
    info.protocol = UnsafePointer(texts.make(loop.client?.subprotocol ?? ""))
    info.alpn = UnsafePointer(texts.make("http/1.1"))
    info.local_protocol_name = protocols[0].name
    let socket = lws_client_connect_via_info(&info)
    if let socket, connection.phase == .http {
      connection.socket = Socket(socket)
    } else if connection.socket == nil {
      // It failed before it had a socket; the failure has been told, or is by this.
      loop.destroyed(connection)
    }
  }
}
