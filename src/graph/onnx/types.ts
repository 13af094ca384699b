import type { DType } from "../host.js";

/** The numbers of TensorProto.DataType. */
export const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

/** The type of a TensorProto.DataType number, or undefined for one we do not use. */
export const dtypeOf = (number: number): DType | undefined =>
  (Object.keys(dataTypes) as DType[]).find((dtype) => dataTypes[dtype] === number);
