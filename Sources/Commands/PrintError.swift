import FileIO
import Foundation

/// Prints a line to standard error, or loses it, as `printLine` does.
func printError(_ text: String) {
  // Progress may stand on the line.
  Screen.any?.clearLine()
  _ = writeLine(visible(text), to: STDERR_FILENO)
}
