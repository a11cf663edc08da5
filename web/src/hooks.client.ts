import { config } from "zod";

// zod compiles validators with `new Function` where it may; under this page's policy even asking would be a violation. This module runs
// before any page, and so before any schema is built.
config({ jitless: true });
