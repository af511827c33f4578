// docs/images/kernels: how the kernels work. Sizes are those that the kernels are built with.
import { block, onlineSoftmax } from "./kernels/block.mjs";
import { fewQueries, packing, registerTile } from "./kernels/tiles.mjs";
import { counter, walk } from "./kernels/walk.mjs";

/** The pictures by file name. */
export function drawKernels() {
  return {
    "register-tile": registerTile(),
    packing: packing(),
    "few-queries": fewQueries(),
    block: block(),
    "online-softmax": onlineSoftmax(),
    walk: walk(),
    counter: counter(),
  };
}
