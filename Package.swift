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
    // OpenBLAS: matrix products on processors that our own kernels do not serve.
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    // libjpeg-turbo: JPEG pictures.
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    // libpng: PNG pictures.
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    // HDF5: the weight files of Keras.
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    // libcrypto: SHA-256 of weights, pictures and checkpoints.
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // C targets: status codes and plain types only in their headers.

    // MPI's constants are macros that Swift cannot see; this shim passes every return code on.
    .target(name: "CMPIShim", dependencies: ["COpenMPI"]),
    // libjpeg and libpng report errors through longjmp; this is the only place that contains it.
    .target(name: "CCodecShim", dependencies: ["CJPEG", "CPNG"]),
    // The portable kernels, the declarations that the instruction-set targets share, and the head's
    // arithmetic, whose bits are the same everywhere.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),
    // The same kernels compiled for AVX2 with FMA, and for AVX-512.
    .target(name: "CKernelsAVX2", dependencies: ["CKernels"], cSettings: avx2Flags),
    .target(name: "CKernelsAVX512", dependencies: ["CKernels"], cSettings: avx512Flags),
    // The small ResNet-50 of `--weights demo`, compiled in so that one binary is enough on every
    // host.
    .target(name: "CDemoBackbone"),

    // Swift libraries.

    // The values every module speaks in: tensors, pictures, the keyed random generator.
    .target(name: "Tensors"),
    // Convolutions and vector arithmetic behind one Swift interface; picks the instruction set.
    .target(
      name: "Kernels",
      dependencies: ["Tensors", "CKernels", "CKernelsAVX2", "CKernelsAVX512", "COpenBLAS"]),
    // What ranks do together, and the implementation for one process.
    .target(name: "Collectives"),
    // The same over MPI; only executables import it.
    .target(name: "MPICollectives", dependencies: ["Collectives", "CMPIShim"]),
    // Bytes of a JPEG or PNG file to RGB8, and RGB8 to JPEG.
    .target(name: "ImageCodecs", dependencies: ["Tensors", "CCodecShim"]),
    // RGB8 to the network's input: resizing, augmentation and normalisation of the two presets.
    .target(name: "ImageTransforms", dependencies: ["Tensors"]),
    // Which pictures there are and in which order ranks visit them.
    .target(name: "ImageData", dependencies: ["ImageCodecs", "ImageTransforms", "Tensors"]),
    // Reading and writing the files that hold tensors.
    .target(name: "WeightFiles", dependencies: ["Tensors", "CHDF5", "CCrypto"]),
    // The frozen backbone: weight file to feature vectors.
    .target(name: "ResNet", dependencies: ["Kernels", "WeightFiles", "Tensors"]),
    // The trained part: forward, backward, loss, optimisers.
    .target(name: "Head", dependencies: ["Kernels", "Tensors"]),
    // The training loop; a first-time reader opens it first.
    .target(
      name: "Training",
      dependencies: [
        "Collectives", "Head", "ImageCodecs", "ImageData", "ImageTransforms", "ResNet", "Tensors",
        "WeightFiles",
      ]),
    // What a person sees of a run: progress, tables, metrics.
    .target(name: "Reports", dependencies: ["Training", "WeightFiles"]),
    // Generated pictures of figures, for the demo and for training its backbone.
    .target(name: "DemoFigures", dependencies: ["Tensors", "ImageCodecs"]),

    // Executables.

    // The tool: options, wiring, messages.
    .executableTarget(
      name: "avp-dist",
      dependencies: [
        "CDemoBackbone", "Collectives", "DemoFigures", "Head", "ImageCodecs", "ImageData",
        "ImageTransforms", "Kernels", "MPICollectives", "Reports", "ResNet", "Tensors", "Training",
        "WeightFiles",
      ]),
    // The helper that tests start under mpirun, so that MPI stays out of the test process.
    .executableTarget(
      name: "rank-check", dependencies: ["Collectives", "MPICollectives"]),

    // Tests: one target a module, and one for the tool as a whole.
    .testTarget(name: "TensorsTests", dependencies: ["Tensors"]),
    // The kernels in the shape of AVX-512 for any processor; no program links them. A vector type
    // wider than the registers has no settled ABI, which does not matter inside one file.
    .target(
      name: "CKernelsWide", dependencies: ["CKernels"], path: "Tests/CKernelsWide",
      cSettings: [.unsafeFlags(["-O2", "-Wno-psabi"])]),
    .testTarget(
      name: "KernelsTests",
      dependencies: [
        "CKernels", "CKernelsAVX2", "CKernelsAVX512", "CKernelsWide", "Kernels", "Tensors",
      ]),
    .testTarget(
      name: "ResNetTests", dependencies: ["ResNet", "WeightFiles", "Tensors", "Kernels"]),
    .testTarget(name: "ImageCodecsTests", dependencies: ["ImageCodecs", "Tensors", "WeightFiles"]),
    .testTarget(
      name: "ImageTransformsTests",
      dependencies: ["ImageCodecs", "ImageTransforms", "Tensors", "WeightFiles"]),
    .testTarget(name: "ImageDataTests", dependencies: ["ImageData", "Tensors"]),
    .testTarget(
      name: "WeightFilesTests", dependencies: ["WeightFiles", "Tensors"], exclude: ["Golden"]),
    .testTarget(
      name: "HeadTests", dependencies: ["Head", "Tensors", "WeightFiles"], exclude: ["Golden"]),
    .testTarget(name: "ReportsTests", dependencies: ["Reports", "Training", "WeightFiles"]),
    .testTarget(name: "DemoFiguresTests", dependencies: ["DemoFigures", "ImageCodecs", "Tensors"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "Training", "Collectives", "Head", "ImageCodecs", "ImageData", "ImageTransforms", "Kernels",
        "ResNet", "Tensors", "WeightFiles",
      ]),
    .testTarget(
      name: "ToolTests", dependencies: ["avp-dist", "rank-check", "Tensors", "WeightFiles"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu17
)
