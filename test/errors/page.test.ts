// docs/errors.md says what the tests say: `npm run errors` writes it, and a page that is stale fails here.
import { expect, it } from "vitest";
import { errorsPage } from "./page.ts";

it("docs/errors.md is of these rows", async () => {
  await expect(errorsPage()).toMatchFileSnapshot("../../docs/errors.md");
});
