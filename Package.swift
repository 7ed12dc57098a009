// swift-tools-version: 6.0
import PackageDescription

/// Flags of a C target that holds kernels for one instruction set. They stand on whole targets
/// because clang optimises much better with them than with per-function attributes; such a target
/// is entered only after a run-time check of the processor.
#if arch(x86_64)
  let avx2Flags: [CSetting] = [.unsafeFlags(["-O3", "-mavx2", "-mfma"])]
  let avx512Flags: [CSetting] = [
    .unsafeFlags(["-O3", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"])
  ]
#else
  let avx2Flags: [CSetting] = []
  let avx512Flags: [CSetting] = []
#endif

let package = Package(
  name: "avp-dist",
  products: [.executable(name: "avp-dist", targets: ["avp-dist"])],
  targets: [
    // System libraries: a module map and one header each, no logic.

    // Open MPI: the exchange between ranks.
    .systemLibrary(
      name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    // libjpeg-turbo: JPEG images.
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    // libpng: PNG images.
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    // libwebp: WebP images.
    .systemLibrary(name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"])]),
    // giflib: GIF images. Few systems have a file of it for pkg-config.
    .systemLibrary(name: "CGIF", providers: [.apt(["libgif-dev"])]),
    // libtiff: TIFF images.
    .systemLibrary(name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
    // HDF5: the weight files of Keras.
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    // libcrypto: SHA-256 of weights, images and checkpoints.
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // C targets: status codes and plain types only in their headers.

    // MPI's constants are macros that Swift cannot see; this shim passes every return code on.
    .target(name: "CMPIShim", dependencies: ["COpenMPI"]),
    // libjpeg and libpng report errors through longjmp, libtiff through a handler of the process;
    // this is the only place that contains either.
    .target(
      name: "CCodecShim", dependencies: ["CGIF", "CJPEG", "CPNG", "CTIFF", "CWebP"],
      linkerSettings: [.linkedLibrary("gif")]),
    // The commit of a build by scripts/build.
    .target(name: "CBuildInfo"),
    // The signal of a mapped file that became shorter, told in words.
    .target(name: "CMapping"),
    // The portable kernels, and the declarations that the instruction-set targets share.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    // The same kernels compiled for AVX2 with FMA, and for AVX-512.
    .target(name: "CKernelsAVX2", dependencies: ["CKernels"], cSettings: avx2Flags),
    .target(name: "CKernelsAVX512", dependencies: ["CKernels"], cSettings: avx512Flags),
    // The head's arithmetic, whose bits are the same on every processor.
    .target(name: "CHead", cSettings: [.unsafeFlags(["-O3"])]),
    // The cosines of many vectors, whose bits are the same on every processor, too.
    .target(name: "CSimilarity", cSettings: [.unsafeFlags(["-O3"])]),
    // The small ResNet-50 of `--weights demo`, compiled in so that one binary is enough on every
    // host.
    .target(name: "CDemoBackbone"),

    // Swift libraries; each knows only those above it.

    // Files: reading, mapping, atomic writing, locks, checksums, JSON, text that is safe to show.
    .target(name: "FileIO", dependencies: ["CCrypto", "CMapping"]),
    // Settings: one declaration each, from which come parsing, help, completions and the manual.
    .target(name: "Settings"),
    // The values every module speaks in: tensors, images, the keyed random generator.
    .target(name: "Tensors", dependencies: ["FileIO"]),
    // The file formats that hold tensors; no word of ResNet.
    .target(name: "TensorFormats", dependencies: ["CHDF5", "FileIO", "Tensors"]),
    // What is known about ResNets: the names of each family, conventions, pixels, checks.
    .target(name: "ResNetWeights", dependencies: ["FileIO", "TensorFormats", "Tensors"]),
    // Writers of whole models for other tools.
    .target(
      name: "ModelExport", dependencies: ["FileIO", "ResNetWeights", "TensorFormats", "Tensors"]),
    // Convolutions behind one Swift interface; picks the instruction set.
    .target(
      name: "Kernels", dependencies: ["CKernels", "CKernelsAVX2", "CKernelsAVX512"]),
    // The frozen backbone: weights to feature vectors.
    .target(name: "ResNet", dependencies: ["FileIO", "Kernels", "ResNetWeights", "Tensors"]),
    // The trained part: forward, backward, loss, exact sums, optimizers.
    .target(name: "Head", dependencies: ["CHead", "Tensors"]),
    // How good a classifier is, and which labels are probably wrong.
    .target(name: "Scoring", dependencies: ["Head"]),
    // What ranks do together, and the implementation for one process.
    .target(name: "Collectives"),
    // The same over MPI; only executables import it.
    .target(name: "MPICollectives", dependencies: ["CMPIShim", "Collectives", "FileIO"]),
    // Bytes of an image file to RGB8, and RGB8 to JPEG.
    .target(name: "ImageCodecs", dependencies: ["CCodecShim", "Tensors"]),
    // RGB8 to the network's input: resizing, augmentation and normalisation of the two presets.
    .target(name: "ImageTransforms", dependencies: ["Tensors"]),
    // Which images there are and in which order ranks visit them.
    .target(name: "ImageData", dependencies: ["FileIO", "ImageCodecs", "Tensors"]),
    // Generated images of figures, for the demo and for training its backbone.
    .target(name: "DemoFigures", dependencies: ["FileIO", "ImageCodecs", "Tensors"]),
    // The training loop; a first-time reader opens it first.
    .target(
      name: "Training",
      dependencies: [
        "CSimilarity", "Collectives", "FileIO", "Head", "ImageCodecs", "ImageData",
        "ImageTransforms", "ResNet", "ResNetWeights", "Scoring", "Settings", "TensorFormats",
        "Tensors",
      ]),
    // mpirun, hosts and restarts.
    .target(name: "Launching", dependencies: ["FileIO", "Training"]),
    // What hosts of a job are like, what is wrong with them, and how long a step takes on them.
    .target(name: "Diagnosis", dependencies: ["Launching"]),
    // What a person sees of a run: progress, tables, metrics, pages.
    .target(
      name: "Reports",
      dependencies: ["Diagnosis", "FileIO", "Head", "ImageData", "ResNet", "Scoring", "Training"]),
    // Every command: options, wiring, messages.
    .target(
      name: "Commands",
      dependencies: [
        "CBuildInfo", "CDemoBackbone", "Collectives", "DemoFigures", "Diagnosis", "FileIO", "Head",
        "ImageCodecs", "ImageData",
        "ImageTransforms", "Kernels", "Launching", "MPICollectives", "ModelExport", "Reports",
        "ResNet", "ResNetWeights", "Scoring", "Settings", "TensorFormats", "Tensors", "Training",
      ]),

    // The tool.
    .executableTarget(name: "avp-dist", dependencies: ["Commands"]),

    // The helper that tests start under mpirun, so that MPI stays out of the test process.
    .executableTarget(
      name: "rank-check", dependencies: ["Collectives", "MPICollectives"],
      path: "Tests/Support/rank-check"),

    // The network of the golden features and heat maps, for the tests of both.
    .target(
      name: "GoldenNetwork", dependencies: ["ResNetWeights", "Tensors"],
      path: "Tests/Support/GoldenNetwork"),

    // Tests: one target a module, and one for the tool as a whole.
    .testTarget(name: "SettingsTests", dependencies: ["Settings"]),
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    .testTarget(
      name: "WeightFilesTests",
      dependencies: ["FileIO", "ModelExport", "ResNetWeights", "TensorFormats", "Tensors"],
      exclude: ["Golden"]),
    // The kernels in the shape of AVX-512 for any processor; no program links them. A vector type
    // wider than the registers has no settled ABI, which does not matter inside one file.
    .target(
      name: "CKernelsWide", dependencies: ["CKernels"], path: "Tests/CKernelsWide",
      cSettings: [.unsafeFlags(["-O2", "-Wno-psabi"])]),
    // The integer kernels against their reference, and those of other processors in statements for
    // any.
    .target(
      name: "CIntegerCheck", dependencies: ["CKernels"], path: "Tests/CIntegerCheck",
      cSettings: [.unsafeFlags(["-O2", "-Wno-psabi"])]),
    .testTarget(
      name: "KernelsTests",
      dependencies: [
        "CIntegerCheck", "CKernels", "CKernelsAVX2", "CKernelsAVX512", "CKernelsWide", "Kernels",
        "ResNetWeights", "Tensors",
      ]),
    .testTarget(
      name: "ResNetTests",
      dependencies: [
        "FileIO", "GoldenNetwork", "Kernels", "ResNet", "ResNetWeights", "TensorFormats", "Tensors",
      ]),
    .testTarget(
      name: "HeadTests", dependencies: ["FileIO", "Head", "TensorFormats", "Tensors"],
      exclude: ["Golden"]),
    .testTarget(name: "ScoringTests", dependencies: ["FileIO", "Scoring"], exclude: ["Golden"]),
    .testTarget(
      name: "ImageCodecsTests",
      dependencies: ["FileIO", "ImageCodecs", "TensorFormats", "Tensors"]),
    .testTarget(
      name: "ImageTransformsTests",
      dependencies: [
        "ImageCodecs", "ImageTransforms", "ResNetWeights", "TensorFormats", "Tensors",
      ]),
    .testTarget(name: "ImageDataTests", dependencies: ["ImageData", "Tensors"]),
    .testTarget(name: "DemoFiguresTests", dependencies: ["DemoFigures", "ImageCodecs", "Tensors"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Collectives", "FileIO", "GoldenNetwork", "Head", "ImageCodecs", "ImageData",
        "ImageTransforms", "Kernels", "ResNet", "ResNetWeights", "Scoring", "TensorFormats",
        "Tensors", "Training",
      ]),
    .testTarget(name: "MPICollectivesTests", dependencies: ["Collectives", "MPICollectives"]),
    .testTarget(name: "LaunchingTests", dependencies: ["Launching", "Training"]),
    .testTarget(name: "DiagnosisTests", dependencies: ["Diagnosis", "Launching"]),
    .testTarget(
      name: "ReportsTests",
      dependencies: [
        "Diagnosis", "FileIO", "Head", "ImageCodecs", "ImageData", "Reports", "Scoring", "Training",
      ]),
    .testTarget(
      name: "CommandsTests",
      dependencies: [
        "Collectives", "Commands", "DemoFigures", "FileIO", "Head", "ImageData", "Launching",
        "Reports",
        "ResNet", "Settings", "TensorFormats", "Tensors", "Training",
      ]),
    .testTarget(
      name: "ToolTests",
      dependencies: [
        "Commands", "FileIO", "Launching", "Settings", "TensorFormats", "Tensors", "avp-dist",
        "rank-check",
      ]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu17
)
