import AuraSodium
import Foundation

/// The look of the pages behind messages' links, in the colours of `public/aura.css`: within the page, since it is all
/// that such a page loads, and named by its digest in the policy.
enum MessagePageStyle {
  static let css = """
    :root{--paper:#faf6f0;--surface:#fffdfa;--ink:#2a2320;--soft:#635853;--line:#e5dbcf;--edge:#958779;--teal:#17594f;\
    --deep:#0f443c;--tint:#dfeee9;--rose:#a13a3f;--rose-tint:#fae7e5;--blue:#2d5384}
    *{box-sizing:border-box}
    html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
    body{margin:0 auto;max-width:36rem;min-height:100vh;min-height:100dvh;padding:0 1rem 2rem;display:flex;\
    flex-direction:column;background:var(--paper);color:var(--ink);overflow-wrap:anywhere;line-break:strict;\
    font:400 1.0625rem/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans Thai","Leelawadee UI",Thonburi,sans-serif}
    header{display:flex;align-items:center;justify-content:space-between;gap:1rem;padding:.75rem 0}
    .clinic{margin:0;font-weight:650;color:var(--teal)}
    .language{display:inline-flex;align-items:center;min-height:44px;padding:0 .75rem;flex:none}
    a{color:var(--teal);text-underline-offset:3px}
    main{padding:1.5rem 1.25rem;background:var(--surface);border:1px solid var(--line);border-radius:16px;\
    box-shadow:0 1px 2px rgb(72 52 36/6%),0 6px 20px rgb(72 52 36/6%)}
    body>main:first-child{margin-top:3rem}
    h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.3;text-wrap:balance}
    h2{margin:1.5rem 0 .5rem;font-size:1.0625rem;line-height:1.4}
    p{margin:0 0 1rem}
    .quiet{color:var(--soft);font-size:1rem}
    .advice{margin:0 0 1rem;padding-left:1.25rem}
    .advice li+li{margin-top:.375rem}
    .worry{padding-left:.875rem;border-left:3px solid var(--rose)}
    figure{margin:0 0 1.25rem;padding:.875rem 1rem;background:var(--paper);border:1px solid var(--line);border-radius:10px}
    figcaption{color:var(--soft);font-size:.9375rem}
    blockquote{margin:.25rem 0 0;white-space:pre-line}
    form{margin:1.5rem 0 0}
    form h2{margin-top:0}
    fieldset{margin:0 0 1.25rem;padding:0;border:0;min-width:0}
    legend,form>label{display:block;margin-bottom:.5rem;padding:0}
    legend{font-weight:650}
    form>label{color:var(--soft);font-size:1rem}
    .marks{display:grid;gap:.5rem}
    .marks label{display:block;position:relative}
    .marks input{position:absolute;top:50%;left:1rem;width:1.25rem;height:1.25rem;margin:-.625rem 0 0;accent-color:var(--teal)}
    .marks span{display:block;padding:.625rem 1rem .625rem 3rem;border:1px solid var(--edge);border-radius:10px}
    .marks b{display:inline-block;min-width:1.25rem;font-weight:650}
    .marks input:checked+span{background:var(--tint);border-color:var(--teal);box-shadow:inset 0 0 0 1px var(--teal)}
    input:not([type]),textarea{display:block;width:100%;min-height:48px;margin:0 0 1rem;padding:.625rem .75rem;font:inherit;\
    color:inherit;background:#fff;border:1px solid var(--edge);border-radius:10px}
    textarea{resize:vertical}
    button{display:block;width:100%;min-height:52px;padding:.625rem 1rem;font:inherit;font-weight:650;color:#fff;\
    background:var(--teal);border:1px solid var(--teal);border-radius:10px;cursor:pointer}
    button:hover{background:var(--deep)}
    button.second{color:var(--teal);background:var(--surface)}
    button.second:hover{background:var(--tint)}
    :focus-visible{outline:3px solid var(--blue);outline-offset:2px;border-radius:6px}
    .marks input:focus-visible{outline:0}
    .marks input:focus-visible+span{outline:3px solid var(--blue);outline-offset:2px}
    .done{padding:.875rem 1rem;background:var(--tint);border-radius:10px;font-weight:600}
    .wrong{padding:.625rem 1rem;color:var(--rose);background:var(--rose-tint);border-radius:10px;font-weight:600}
    main>:last-child,section>:last-child{margin-bottom:0}
    section{margin-top:1.5rem;padding-top:.25rem;border-top:1px solid var(--line)}
    details{margin-top:1rem}
    summary{display:inline-flex;align-items:center;min-height:44px;color:var(--teal);text-decoration:underline;\
    text-underline-offset:3px;cursor:pointer}
    details form{margin-top:.5rem}
    footer{padding:0 1.25rem}
    footer ul{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:0;padding:0;list-style:none}
    footer a{display:inline-flex;align-items:center;min-height:44px}
    @media (min-width:40rem){body{padding-top:1.5rem}main{padding:2rem}\
    .marks{grid-template-columns:repeat(5,1fr)}.marks span{padding:2.75rem .25rem .75rem;text-align:center;height:100%}\
    .marks b{display:block}.marks input{top:1.375rem;left:50%;margin:-.375rem 0 0 -.625rem}}
    @media (forced-colors:active){.marks input:checked+span{outline:3px solid Highlight}}
    """

  /// As a policy names it: `sha256-…`.
  static let hash: String = {
    let hex = Array(Sodium.sha256(Array(css.utf8)).utf8)
    let bytes = stride(from: 0, to: hex.count, by: 2).compactMap {
      UInt8(String(decoding: hex[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
    return "sha256-" + Data(bytes).base64EncodedString()
  }()
}
