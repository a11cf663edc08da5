import { env } from "cloudflare:workers";
import { archiveContract } from "./archive.contract.ts";
import { R2Archive } from "./r2-archive.ts";

archiveContract("in R2", () => new R2Archive(env.ARCHIVE));
