// Runs the exported graphs in onnxruntime-web, the runtime for browsers, and compares their
// probabilities with those of `avp-dist predict`.
import { readFileSync, readdirSync } from "node:fs";
import * as ort from "onnxruntime-web";

ort.env.wasm.numThreads = 1;
for (const name of readdirSync(process.argv[2])) {
  const place = `${process.argv[2]}/${name}`;
  const { input, probabilities } = JSON.parse(readFileSync(`${place}/pictures.json`, "utf8"));
  const session = await ort.InferenceSession.create(readFileSync(`${place}/model.onnx`));
  const images = new ort.Tensor("float32", Float32Array.from(input), [2, 3, 224, 224]);
  const found = (await session.run({ pictures })).probabilities.data;
  const differences = probabilities.map((value, index) => Math.abs(value - found[index]));
  const difference = Math.max(...differences);
  console.log(`  ${name}: largest difference ${difference.toExponential(1)}`);
  if (!(difference <= 1e-4)) {
    console.error(`${name}: probabilities in onnxruntime-web differ by ${difference}`);
    process.exit(1);
  }
}
