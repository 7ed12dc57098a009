internal import CCodecShim

/// The versions of the image libraries that have a function for it, by their names.
package func codecVersions() -> [(library: String, version: String)] {
  let webp = avp_webp_version()
  let tiff = String(cString: avp_tiff_version()).prefix { $0 != "\n" }
  return [
    ("libpng", String(cString: avp_png_version())),
    ("libwebp", "\(webp >> 16).\(webp >> 8 & 0xFF).\(webp & 0xFF)"),
    ("libtiff", tiff.split(separator: " ").last.map(String.init) ?? "unknown"),
  ]
}
