// The program of this package's ES modules, required.
const { check } = require("../program.mjs");

check().then((facts) => console.log(JSON.stringify(facts)));
