import FileIO

/// The frame that all pages share: one self-contained file, no scripts, light and dark.
enum HTMLPage {
  /// The whole page.
  ///
  /// - Parameters:
  ///   - title: plain text.
  ///   - facts: plain text for the line under the title.
  ///   - body: HTML.
  ///   - style: CSS for what the page has besides the common parts.
  static func text(title: String, facts: String, body: String, style: String = "") -> String {
    "\(head(title: title, facts: facts, style: style))\(body)\n\(tail)"
  }

  /// The page up to its body; see ``text(title:facts:body:style:)``.
  static func head(title: String, facts: String, style: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(escaped(title))</title>
    <style>
    \(common)
    \(style)
    </style>
    <h1>\(escaped(title))</h1>
    <p class="facts">\(escaped(facts))</p>
    <main>

    """
  }

  /// The page behind its body.
  static let tail = "</main>\n</html>\n"

  /// Plain text as HTML, in one line and without control characters: it may be a stranger's.
  ///
  /// Scalar by scalar: as a character, a quotation mark with an accent on it is none any more.
  static func escaped(_ text: String) -> String {
    var html = ""
    for scalar in visible(text, except: ["\u{200c}", "\u{200d}"]).unicodeScalars {
      switch scalar {
      case "&": html += "&amp;"
      case "<": html += "&lt;"
      case ">": html += "&gt;"
      case "\"": html += "&quot;"
      case "'": html += "&#39;"
      default: html.unicodeScalars.append(scalar)
      }
    }
    return html
  }

  private static let common = """
    :root { color-scheme: light dark; --ink: #1c1e21; --soft: #6b7280; --line: #e5e7eb;
      --paper: #fff; --ground: #f6f7f9; --accent: #2563eb; --second: #d97706; --muted: #b6c2d4; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #9aa3af; --line: #343a43;
      --paper: #1e2229; --ground: #14171c; --accent: #60a5fa; --second: #fbbf24;
      --muted: #4b5768; } }
    body { margin: 0 auto; max-width: 1200px; padding: 2rem 1.25rem; background: var(--ground);
      color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
    h1 { font-size: 1.5rem; margin: 0; }
    h2 { font-size: 1.1rem; margin: 2rem 0 .75rem; }
    .facts, .note { color: var(--soft); margin: .25rem 0 1.5rem; overflow-wrap: anywhere; }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr));
      gap: 1.1rem; }
    figure { margin: 0; padding: .75rem; background: var(--paper); border: 1px solid var(--line);
      border-radius: 10px; }
    .frame { height: 200px; display: grid; place-items: center; overflow: hidden; }
    img { max-width: 100%; max-height: 200px; border-radius: 6px; }
    figcaption { margin: .5rem 0; color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
    """
}
