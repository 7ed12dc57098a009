import Glibc

/// Who may have written a file.
package enum Ownership {
  /// Why a file or folder may hold what others wrote; nil where only this process's user and root
  /// can have.
  ///
  /// - Parameter group: a group that may write, too.
  package static func objection(to status: stat, allowing group: gid_t? = nil) -> String? {
    let writers: mode_t = group == status.st_gid ? S_IWOTH : S_IWGRP | S_IWOTH
    if status.st_uid != geteuid() && status.st_uid != 0 {
      return "it belongs to another user (number \(status.st_uid))"
    }
    let mode = String(status.st_mode & 0o7777, radix: 8)
    return status.st_mode & writers == 0
      ? nil : "others may write to it (mode \(mode); `chmod go-w` ends that)"
  }
}
