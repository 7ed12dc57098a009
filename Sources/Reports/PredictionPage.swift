import Foundation

/// Predictions as one self-contained HTML page with the pictures in it.
public enum PredictionPage {
  /// The page; pictures are read again from their files and embedded as they are.
  ///
  /// - Parameter backbone: the backbone's name, for the line under the title.
  public static func html(_ predictions: [Prediction], backbone: String) -> String {
    let cards = predictions.map(card).joined(separator: "\n")
    return """
      <!DOCTYPE html>
      <html lang="en">
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>Predictions</title>
      <style>\(style)</style>
      <h1>Predictions</h1>
      <p class="facts">\(predictions.count) \(predictions.count == 1 ? "picture" : "pictures"), \
      backbone \(escaped(backbone))</p>
      <main>
      \(cards)
      </main>
      </html>

      """
  }

  private static func card(_ prediction: Prediction) -> String {
    let bars = prediction.ranked.prefix(5).enumerated().map { place, entry in
      """
      <div class="row\(place == 0 ? " best" : "")"><span class="name">\(escaped(entry.name))</span>\
      <span class="bar"><i style="width:\(percent(entry.probability))%"></i></span>\
      <span class="value">\(percent(entry.probability)) %</span></div>
      """
    }.joined(separator: "\n")
    return """
      <figure>
      <div class="frame"><img src="\(source(prediction.image))" alt="\(escaped(prediction.image))"></div>
      <figcaption>\(escaped(prediction.image))</figcaption>
      \(bars)
      </figure>
      """
  }

  /// The picture as a data URI. The type follows the content, as browsers go by it.
  private static func source(_ path: String) -> String {
    guard let data = FileManager.default.contents(atPath: path) else { return "" }
    let type = data.starts(with: [0x89, 0x50, 0x4E, 0x47]) ? "image/png" : "image/jpeg"
    return "data:\(type);base64,\(data.base64EncodedString())"
  }

  static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;")
      .replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;")
      .replacingOccurrences(of: "\"", with: "&quot;")
  }

  private static let style = """

    :root { color-scheme: light dark; --ink: #1c1e21; --soft: #6b7280; --line: #e5e7eb;
      --paper: #fff; --ground: #f6f7f9; --accent: #2563eb; --muted: #b6c2d4; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #9aa3af; --line: #343a43;
      --paper: #1e2229; --ground: #14171c; --accent: #60a5fa; --muted: #4b5768; } }
    body { margin: 0 auto; max-width: 1200px; padding: 2rem 1.25rem; background: var(--ground);
      color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
    h1 { font-size: 1.5rem; margin: 0; }
    .facts { color: var(--soft); margin: .25rem 0 1.5rem; }
    main { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 1.1rem; }
    figure { margin: 0; padding: .75rem; background: var(--paper); border: 1px solid var(--line);
      border-radius: 10px; }
    .frame { height: 200px; display: grid; place-items: center; overflow: hidden; }
    img { max-width: 100%; max-height: 200px; border-radius: 6px; }
    figcaption { margin: .5rem 0; color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
    .row { display: grid; grid-template-columns: 5.5rem 1fr 3.8rem; gap: .5rem; align-items: center;
      font-size: .85rem; }
    .best { font-weight: 600; }
    .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .value { text-align: right; font-variant-numeric: tabular-nums; }
    .bar { height: .55rem; background: var(--line); border-radius: 99px; overflow: hidden; }
    .bar i { display: block; height: 100%; background: var(--muted); }
    .best .bar i { background: var(--accent); }

    """
}
