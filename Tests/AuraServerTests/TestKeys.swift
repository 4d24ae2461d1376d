import CSodium

/// Keys made for these tests and used nowhere else.
enum TestKeys {
  static let rsaPrivate = """
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQChTLpoeHXsDNHb
    +NmcSpIAXBpy6bGNFNkOVvlC6T0mBz2PcKqjF2EK3pL5cQnVwd6d2NQQPu4+czIC
    93tmlGfDQNeux42CfrEd6V17qx30ySTfkf9vk8RI4YKdYjbTsAvHRwLiuWdmHg8k
    Ssbm5Imk4wUq7MkHKcvNAfGD5jnFWcpEdJvNCZZf2F5rlCQPF5n99oCNnt4CIwiL
    FB8cwOy4HxWmlY0CmjkpqFNnYm69s18dR3BdTQpO0+Oz/rbOgzuDxkHi55eVvyUH
    lW9gXWpax3kfq9fRjZ7lV4syJxuKpolYetfwfFIC2BrC8m+RoQ2wTCwM+rr1DzpR
    htaJErnzAgMBAAECggEAEoMNU8cbdYtlHHNbejn+tqbbbDvQ4km1vZUSx3CgUXh8
    QrWiB9S7kPVJdfJYuB0ncQM9F145lpY+86M2mOfIXtrWxhrl7UegCThKv9I8PmdF
    YZlOcR5K5Thodqqac0Idn/HQ7Xds3AXwI/CnEkHBYFijs7D4Q2ezGaSy9LncAH+m
    d7y+bn6kkNVeLMSlNTy2DAUL1Ppsc465InAH2XE++hoM8mofmqsuwoL8zgx5Iqat
    bFu5k93xymvMDd51ADgwNrWysNokk3HKPqkhYUVRziK0+CjB/IL/uLNDZd2c7HbW
    CQehaNsFW7/0uuPHUuSaLkAHtG3TxTats/NhcdH9UQKBgQDMRB8f7E6ihIswxA+m
    rNGbiH144TGZcInWLgywhvDXyLo+FNSQkwhAh1cuK4dJNhqqw0fN60Cl5ZA/rO+Q
    Arp3VUngJimU5oePu+nSZBAvXR9CMh9/AUrdW6TlRyRMGh77+Xrybtq8f4U02M+f
    rcI0is6bFq8z6G3ncHexMV/9cQKBgQDKJtI4Hx2EoOpWk+bsCcQjS3PT2m86MEAM
    74NqHESSacTA0VAw3/9hsiKbl4n3DLMheBBqlvWd76sgl8MI9SpQquxyqxmwMh+M
    KJ4mlBgqhOF55dkx2bTI7xLqOTDVdhXjyt7MfZVS6az5dNTYi9+g6El53sZ1OvAE
    bBwD09iLowKBgH8loCIk28W5r1KJmBxt0oN38HI/6rnSHVpei7OOK3iGD7f5C196
    xlY0aIXqvmlJ7kuBBr8cwr8BKEsagHwp1pvVUQjfeF6hKJzFoYQ+mPyCgKSZwpUx
    3sHu+7NkFynv0H2UC33AlxNiZS5CDuscI5jFFlnfQuuSsGax0S9QxqlhAoGAWvqD
    y9w9Fa6yKIrh98Mhcd0IYQVC38ZNXUUCOORF/Dr74OeTFpwJPLfGGY5m+jfN+rcl
    dENCgXUW6FFE5qgoBiwWxDi7E/BLAHJbUvN9uM0bCRhn2qanVXM7aQyaLMe7bEym
    XxP5+1nNjmuFS3wQBkPkpaOcX7BJy0O4jARwxc8CgYEArte/NMg8VO9rmohdZRl3
    ywhRETpD7Ct3JvAw+oTTi2rSwfMdoAA6JTTFENEc8IoR/cXIHNB2nfoXqrRAkT7a
    5rrwGbc26vDHH52sRb4jauzXPrK7dFmZ8gArOPWr78hmi3U1OcSjC9PdfJFI2tod
    yzOYUdBMHOJ/eY66+bnw3AY=
    -----END PRIVATE KEY-----

    """
  static let rsaPublic = """
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoUy6aHh17AzR2/jZnEqS
    AFwacumxjRTZDlb5Quk9Jgc9j3CqoxdhCt6S+XEJ1cHendjUED7uPnMyAvd7ZpRn
    w0DXrseNgn6xHelde6sd9Mkk35H/b5PESOGCnWI207ALx0cC4rlnZh4PJErG5uSJ
    pOMFKuzJBynLzQHxg+Y5xVnKRHSbzQmWX9hea5QkDxeZ/faAjZ7eAiMIixQfHMDs
    uB8VppWNApo5KahTZ2JuvbNfHUdwXU0KTtPjs/62zoM7g8ZB4ueXlb8lB5VvYF1q
    Wsd5H6vX0Y2e5VeLMicbiqaJWHrX8HxSAtgawvJvkaENsEwsDPq69Q86UYbWiRK5
    8wIDAQAB
    -----END PUBLIC KEY-----

    """
  static let p256Private = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEIHYi/McGT8BvH2L4h7t9qvHZp+NXvyto+QDxTzIKcCq1oAoGCCqGSM49
    AwEHoUQDQgAE+7pVlok1TpaMyc5PLLb1jn0tsOvQquZufEX6FJj4xs2fbwqTG5AR
    oE1tkVONqUx9qN97wFE9z2FCsQkGphPuiQ==
    -----END EC PRIVATE KEY-----

    """
  static let p256Public = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+7pVlok1TpaMyc5PLLb1jn0tsOvQ
    quZufEX6FJj4xs2fbwqTG5ARoE1tkVONqUx9qN97wFE9z2FCsQkGphPuiQ==
    -----END PUBLIC KEY-----

    """
}

/// HMAC-SHA256 (RFC 2104), so that a test can sign what no library for tokens would.
enum HMAC {
  static func sha256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    var state = crypto_auth_hmacsha256_state()
    var result = [UInt8](repeating: 0, count: Int(crypto_auth_hmacsha256_BYTES))
    crypto_auth_hmacsha256_init(&state, key, key.count)
    crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
    crypto_auth_hmacsha256_final(&state, &result)
    return result
  }
}
