/**
 * Writes ONNX models, so that ONNX Runtime can be given exactly the operators of a case without Python. An ONNX file is
 * one protobuf message; of its schema (onnx.proto) this file knows the fields that a graph of plain tensors needs.
 */

/** Element types by their numbers in `TensorProto.DataType`. */
const elementTypes = { float32: 1, int32: 6, int64: 7 } as const;
/** Kinds of attributes by their numbers in `AttributeProto.AttributeType`. */
const attributeTypes = { float: 1, int: 2, ints: 7 } as const;

/** An input, output or constant of a graph. Of inputs and outputs only name, type and sizes are written. */
export interface Operand {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | BigInt64Array;
}

/** Plain numbers are written as integers; a float of a whole value would look the same. */
export type Attribute = number | readonly number[] | { readonly float: number };

export interface Node {
  readonly op: string;
  /** `"com.microsoft"` for operators that ONNX Runtime adds; default ONNX's own. */
  readonly domain?: string;
  /** Names; an empty one stands for an optional input or output that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Operand[];
  readonly constants?: readonly Operand[];
}

type Bytes = Uint8Array<ArrayBuffer>;

const opset = 23;
const irVersion = 11;

/** The bytes of a model file. */
export function encodeModel({ nodes, inputs, outputs, constants = [] }: Graph): Bytes {
  const graph = message(
    ...nodes.map((node) => field(1, encodeNode(node))),
    field(2, text("graph")),
    ...constants.map((constant) => field(5, encodeConstant(constant))),
    ...inputs.map((value) => field(11, encodeValue(value))),
    ...outputs.map((value) => field(12, encodeValue(value))),
  );
  const domains = [
    ["", opset],
    ["com.microsoft", 1],
  ] as const;
  return message(
    integer(1, irVersion),
    field(7, graph),
    ...domains.map(([domain, version]) => field(8, message(field(1, text(domain)), integer(2, version)))),
  );
}

function encodeNode({ op, domain = "", inputs, outputs, attributes = {} }: Node): Bytes {
  return message(
    ...inputs.map((name) => field(1, text(name))),
    ...outputs.map((name) => field(2, text(name))),
    field(4, text(op)),
    ...Object.entries(attributes).map(([name, attribute]) => field(5, encodeAttribute(name, attribute))),
    field(7, text(domain)),
  );
}

function encodeAttribute(name: string, attribute: Attribute): Bytes {
  const named = field(1, text(name));
  if (typeof attribute === "number")
    return message(named, integer(3, attribute), integer(20, attributeTypes.int));
  if ("float" in attribute)
    return message(named, float(2, attribute.float), integer(20, attributeTypes.float));
  return message(named, ...attribute.map((x) => integer(8, x)), integer(20, attributeTypes.ints));
}

function encodeConstant({ name, shape, data }: Operand): Bytes {
  return message(
    ...shape.map((size) => integer(1, size)),
    integer(2, elementTypes[typeOf(data)]),
    field(8, text(name)),
    // Little-endian, as ONNX wants it and as typed arrays are on every machine that Node runs on.
    field(9, new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)),
  );
}

function encodeValue({ name, shape, data }: Operand): Bytes {
  const sizes = shape.map((size) => field(1, integer(1, size)));
  const tensor = message(integer(1, elementTypes[typeOf(data)]), field(2, message(...sizes)));
  return message(field(1, text(name)), field(2, field(1, tensor)));
}

export function typeOf(data: Operand["data"]): keyof typeof elementTypes {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Int32Array ? "int32" : "int64";
}

// Protobuf's wire format: each field is a key, number and kind in one, and then its content.

const kinds = { integer: 0, bytes: 2, fixed32: 5 } as const;

function key(number: number, kind: number): Bytes {
  return varint(number * 8 + kind);
}

function integer(number: number, value: number): Bytes {
  return message(key(number, kinds.integer), varint(value));
}

function field(number: number, content: Bytes): Bytes {
  return message(key(number, kinds.bytes), varint(content.length), content);
}

function float(number: number, value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return message(key(number, kinds.fixed32), bytes);
}

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const more = rest > 127n ? 128 : 0;
    bytes.push(Number(rest & 127n) | more);
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function text(value: string): Bytes {
  return new TextEncoder().encode(value);
}

function message(...parts: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
