import { defineConfig } from "drizzle-kit";

/** `npx drizzle-kit generate --name=verb_noun` writes the next SQL file from the schema; the SQL is what runs, the schema is what queries are typed by. */
export default defineConfig({ dialect: "sqlite", schema: "./migrations/schema.ts", out: "./migrations" });
