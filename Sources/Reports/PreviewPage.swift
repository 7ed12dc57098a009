/// What augmentation makes of some images, as one self-contained HTML page.
package enum PreviewPage {
  /// One image: its path, its class, itself in the network's size and its variations, all as
  /// JPEG.
  package struct Row: Sendable {
    let path: String
    let label: String
    let plain: [UInt8]
    let variations: [[UInt8]]

    /// A row of the page.
    package init(path: String, label: String, plain: [UInt8], variations: [[UInt8]]) {
      self.path = path
      self.label = label
      self.plain = plain
      self.variations = variations
    }
  }

  /// The page.
  ///
  /// - Parameter settings: the settings in words, for the line under the title.
  package static func html(_ rows: [Row], settings: String) -> String {
    let count = rows.map(\.variations.count).max() ?? 0
    let heads = ["image", "as it is"] + (1..<(count + 1)).map { "epoch \($0)" }
    let lines = rows.map { row in
      let cells = ([row.plain] + row.variations).map {
        "<td><img src=\"\(ImageCard.source($0))\" alt=\"\"></td>"
      }
      let path = HTMLPage.escaped(row.path)
      return "<tr><th>\(HTMLPage.escaped(row.label))<br><small>\(path)</small></th>"
        + cells.joined() + "</tr>"
    }
    let body = """
      <div class="scroll"><table>
      <tr>\(heads.map { "<th>\($0)</th>" }.joined())</tr>
      \(lines.joined(separator: "\n"))
      </table></div>
      """
    return HTMLPage.text(title: "What training sees", facts: settings, body: body, style: style)
  }

  private static let style = """
    .scroll { overflow-x: auto; }
    table { border-spacing: .4rem; }
    th { text-align: left; font-weight: 600; font-size: .85rem; max-width: 10rem;
      overflow-wrap: anywhere; vertical-align: middle; }
    small { color: var(--soft); font-weight: 400; }
    td img { display: block; width: 150px; height: 150px; }
    """
}
