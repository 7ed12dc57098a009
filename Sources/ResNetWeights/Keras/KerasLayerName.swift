/// What the name of a layer in Keras' ResNets says.
package struct KerasLayerName: Equatable {
  /// Which generation of names it is.
  package enum Family: Sendable {
    /// `res2a_branch2b`, `bn2a_branch2b`: the file of 2016.
    case keras2016
    /// `conv2_block1_2_conv`, `conv2_block1_2_bn`: since 2019.
    case keras
  }

  package let family: Family
  /// The torchvision name of the convolution or batch-norm: `layer1.0.conv2`, `layer1.0.bn2`.
  package let canonical: String

  /// Reads a name, or gives nil for one that is not of a ResNet.
  package init?(_ name: String) {
    switch name {
    case "conv1", "bn_conv1":
      family = .keras2016
      canonical = name == "conv1" ? "conv1" : "bn1"
    case "conv1_conv", "conv1_bn":
      family = .keras
      canonical = name == "conv1_conv" ? "conv1" : "bn1"
    default:
      if let canonical = Self.modern(name) {
        family = .keras
        self.canonical = canonical
      } else if let canonical = Self.old(name) {
        family = .keras2016
        self.canonical = canonical
      } else {
        return nil
      }
    }
  }

  /// `conv{2...5}_block{n}_{0...3}_{conv,bn}`, where 0 is the shortcut.
  private static func modern(_ name: String) -> String? {
    let parts = name.split(separator: "_")
    guard parts.count == 4, let stage = stage(parts[0], after: "conv"),
      let block = number(parts[1], after: "block"), block >= 1, parts[2].utf8.count == 1,
      let unit = Int(parts[2]), (0...3).contains(unit), parts[3] == "conv" || parts[3] == "bn"
    else { return nil }
    return canonical(stage, block - 1, unit, isNorm: parts[3] == "bn")
  }

  /// `{res,bn}{2...5}{a,b,...}_branch{1,2a,2b,2c}`; deep networks have `b1`, `b2`, ... after block
  /// `a`.
  private static func old(_ name: String) -> String? {
    let isNorm = name.hasPrefix("bn")
    let rest = isNorm ? name.dropFirst(2) : name.dropFirst(3)
    guard isNorm || name.hasPrefix("res"), let digit = rest.first?.wholeNumberValue,
      (2...5).contains(digit)
    else { return nil }
    let parts = rest.dropFirst().split(separator: "_")
    guard parts.count == 2, let block = oldBlock(parts[0]),
      let unit = ["branch1", "branch2a", "branch2b", "branch2c"].firstIndex(of: String(parts[1]))
    else { return nil }
    return canonical(digit - 1, block, unit, isNorm: isNorm)
  }

  private static func oldBlock(_ text: Substring) -> Int? {
    guard let letter = text.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter)
    else { return nil }
    if text.utf8.count == 1 { return Int(letter - UInt8(ascii: "a")) }
    return number(text, after: "b").flatMap { $0 >= 1 ? $0 : nil }
  }

  private static func stage(_ text: Substring, after prefix: String) -> Int? {
    number(text, after: prefix).flatMap { (2...5).contains($0) ? $0 - 1 : nil }
  }

  private static func number(_ text: Substring, after prefix: String) -> Int? {
    guard text.hasPrefix(prefix) else { return nil }
    let digits = text.dropFirst(prefix.count)
    guard digits.utf8.count <= 3, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return Int(digits)
  }

  private static func canonical(_ stage: Int, _ block: Int, _ unit: Int, isNorm: Bool) -> String {
    let prefix = "layer\(stage).\(block)"
    if unit == 0 { return "\(prefix).downsample.\(isNorm ? 1 : 0)" }
    return "\(prefix).\(isNorm ? "bn" : "conv")\(unit)"
  }
}
