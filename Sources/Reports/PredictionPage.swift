import Foundation

/// Predictions as one self-contained HTML page with the pictures in it.
public enum PredictionPage {
  /// The page; pictures are read again from their files and embedded as they are.
  ///
  /// - Parameter backbone: the backbone's name, for the line under the title.
  public static func html(_ predictions: [Prediction], backbone: String) -> String {
    let count = "\(predictions.count) \(predictions.count == 1 ? "picture" : "pictures")"
    let cards = predictions.map {
      PictureCard.html(caption: $0.image, image: source($0.image), prediction: $0)
    }
    return HTMLPage.text(
      title: "Predictions", facts: "\(count), backbone \(backbone)",
      body: PictureCard.grid(cards), style: PictureCard.style)
  }

  /// The picture as a data URI.
  private static func source(_ path: String) -> String {
    FileManager.default.contents(atPath: path).map(PictureCard.source) ?? ""
  }
}

/// A picture with what a model says about it.
enum PictureCard {
  /// How many of the likeliest classes are shown.
  private static let shownClasses = 5

  /// Cards side by side.
  static func grid(_ cards: [String]) -> String {
    "<div class=\"cards\">\n\(cards.joined(separator: "\n"))\n</div>"
  }

  /// One card.
  ///
  /// - Parameters:
  ///   - image: the source of the picture, see ``source(_:)``.
  ///   - truth: the right class, marked among the bars; nil where it is not known.
  static func html(
    caption: String, image: String, prediction: Prediction, truth: String? = nil
  ) -> String {
    let ranked = prediction.ranked
    let shown =
      ranked.prefix(shownClasses) + ranked.dropFirst(shownClasses).filter { $0.name == truth }
    let bars = shown.enumerated().map { place, entry in
      """
      <div class="row\(place == 0 ? " best" : "")"><span class="name">\
      \(entry.name == truth ? "✓ " : "")\(HTMLPage.escaped(entry.name))</span>\
      <span class="bar"><i style="width:\(percent(entry.probability))%"></i></span>\
      <span class="value">\(percent(entry.probability)) %</span></div>
      """
    }.joined(separator: "\n")
    let text = HTMLPage.escaped(caption)
    return """
      <figure>
      <div class="frame"><img src="\(image)" alt="\(text)"></div>
      <figcaption>\(text)</figcaption>
      \(bars)
      </figure>
      """
  }

  /// A picture's file as a data URI. The type follows the content, as browsers go by it.
  static func source(_ data: Data) -> String {
    let type = data.starts(with: [0x89, 0x50, 0x4E, 0x47]) ? "image/png" : "image/jpeg"
    return "data:\(type);base64,\(data.base64EncodedString())"
  }

  static let style = """
    .row { display: grid; grid-template-columns: 5.5rem 1fr 3.8rem; gap: .5rem;
      align-items: center; font-size: .85rem; }
    .best { font-weight: 600; }
    .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .value { text-align: right; font-variant-numeric: tabular-nums; }
    .bar { height: .55rem; background: var(--line); border-radius: 99px; overflow: hidden; }
    .bar i { display: block; height: 100%; background: var(--muted); }
    .best .bar i { background: var(--accent); }
    """
}
