import { onnx } from "onnx-proto";

/** The nodes of an ONNX file as another reader sees them. */
export const nodesIn = (bytes: Uint8Array): onnx.INodeProto[] => onnx.ModelProto.decode(bytes).graph!.node!;
