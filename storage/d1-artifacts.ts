import { and, asc, eq, isNull, sql } from "drizzle-orm";
import { drizzle, type DrizzleD1Database } from "drizzle-orm/d1";
import type { RunAddress } from "../core/ports.ts";
import { artifacts, artifactUploads, deletedRuns, runs } from "../migrations/schema.ts";
import type { Artifact } from "../protocol/api.ts";
import { LIMITS } from "../protocol/limits.ts";

export type ArtifactRow = typeof artifacts.$inferSelect;
/** One upload to R2 and what it is to become. */
export type Upload = { run: RunAddress; name: string; uploadId: string };

export type Claim =
  /** This upload, and no other, may become the artifact now. */
  | { kind: "mine" }
  /** The name is taken: by an artifact, or by another upload that is about to become one. */
  | { kind: "taken"; row: ArtifactRow }
  | { kind: "full" }
  /** The run was deleted. */
  | { kind: "gone" };

/**
 * The files of runs in D1. R2 has no create-once for what comes in parts, so the row decides: an upload becomes an artifact only while the row names
 * it, and whoever is named instead of another has made sure first that the other never can. [ART2]
 */
export class D1Artifacts {
  readonly #db: DrizzleD1Database;

  constructor(database: D1Database) {
    this.#db = drizzle(database);
  }

  /** Those that are there, oldest first. */
  async list(runId: string): Promise<Artifact[]> {
    const rows = await this.#db
      .select()
      .from(artifacts)
      .where(and(eq(artifacts.runId, runId), isNull(artifacts.uploadId)))
      .orderBy(asc(artifacts.createdAt), asc(artifacts.name));
    return rows.map(rowToArtifact);
  }

  /** The artifact of that name, or null while there is none. */
  async find(runId: string, name: string): Promise<Artifact | null> {
    const [row] = await this.#db
      .select()
      .from(artifacts)
      .where(and(eq(artifacts.runId, runId), eq(artifacts.name, name), isNull(artifacts.uploadId)));
    return row === undefined ? null : rowToArtifact(row);
  }

  /** Notes an upload, so that it can be found and ended whatever becomes of its server. False when the run is not there any more. [DEL2] */
  async begin({ run, name, uploadId }: Upload, now: number): Promise<boolean> {
    const { meta } = await this.#db.run(sql`
      INSERT INTO ${artifactUploads} (run_id, upload_id, workspace_id, name, started_at_ms)
      SELECT ${run.runId}, ${uploadId}, ${run.workspaceId}, ${name}, ${now} WHERE ${isThere(run.runId)}`);
    return meta.changes > 0;
  }

  async claim({ run, uploadId }: Upload, artifact: Artifact, now: number): Promise<Claim> {
    const { runId } = run;
    const { name, bytes, media_type, sha256, created_at } = artifact;
    const ofName = and(eq(artifacts.runId, runId), eq(artifacts.name, name));
    const [, rows, there] = await this.#db.batch([
      this.#db
        .insert(artifacts)
        .select(
          sql`SELECT ${runId}, ${name}, ${bytes}, ${media_type}, ${sha256}, ${created_at}, ${uploadId}, ${now}
            WHERE ${isThere(runId)}
              AND (SELECT count(*) FROM ${artifacts} WHERE ${artifacts.runId} = ${runId}) < ${LIMITS.artifactsPerRun}`,
        )
        .onConflictDoNothing(),
      this.#db.select().from(artifacts).where(ofName),
      this.#db
        .select({ runId: runs.runId })
        .from(runs)
        .where(and(eq(runs.runId, runId), isThere(runId))),
    ]);
    const [row] = rows;
    if (there.length === 0) return { kind: "gone" };
    if (row === undefined) return { kind: "full" };
    return row.uploadId === uploadId ? { kind: "mine" } : { kind: "taken", row };
  }

  /** Puts this upload in the place of the one that the row names. The caller has made sure that that one cannot become the artifact any more. */
  async takeOver({ run, uploadId }: Upload, artifact: Artifact, from: string | null, now: number): Promise<boolean> {
    const { bytes, media_type, sha256, created_at } = artifact;
    const { meta } = await this.#db
      .update(artifacts)
      .set({ bytes, mediaType: media_type, sha256, createdAt: created_at, uploadId, claimedAtMs: now })
      .where(
        and(
          eq(artifacts.runId, run.runId),
          eq(artifacts.name, artifact.name),
          from === null ? isNull(artifacts.uploadId) : eq(artifacts.uploadId, from),
          isThere(run.runId),
        ),
      );
    return meta.changes > 0;
  }

  /** What that upload brought is in R2, whole: from now on it is shown. False when the run was deleted meanwhile. */
  async stored({ run, name, uploadId }: Upload): Promise<boolean> {
    const { meta } = await this.#db
      .update(artifacts)
      .set({ uploadId: null })
      .where(and(eq(artifacts.runId, run.runId), eq(artifacts.name, name), eq(artifacts.uploadId, uploadId)));
    return meta.changes > 0;
  }

  /** The upload is over, one way or the other. */
  async forget({ run, uploadId }: Upload): Promise<void> {
    await this.#db
      .delete(artifactUploads)
      .where(and(eq(artifactUploads.runId, run.runId), eq(artifactUploads.uploadId, uploadId)));
  }

  /** Every upload of the run that is under way or was left behind. */
  async uploads(run: RunAddress): Promise<Upload[]> {
    const rows = await this.#db.select().from(artifactUploads).where(eq(artifactUploads.runId, run.runId));
    return rows.map(({ name, uploadId }) => ({ run, name, uploadId }));
  }
}

/** Part of the statement that writes: a deletion cannot come between look and write. */
const isThere = (runId: string) => sql`EXISTS (SELECT 1 FROM ${runs} WHERE ${runs.runId} = ${runId})
  AND NOT EXISTS (SELECT 1 FROM ${deletedRuns} WHERE ${deletedRuns.runId} = ${runId})`;

export const rowToArtifact = (row: ArtifactRow): Artifact => ({
  name: row.name,
  bytes: row.bytes,
  media_type: row.mediaType,
  sha256: row.sha256,
  created_at: row.createdAt,
});
