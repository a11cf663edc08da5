import { OpenAPIHono } from "@hono/zod-openapi";
import { answerError } from "./answer-errors.ts";
import type { App } from "./app-context.ts";
import { admit } from "./middleware/admit.ts";
import { checkHost } from "./middleware/check-host.ts";
import { hearOut } from "./middleware/hear-out.ts";
import { nameRequest } from "./middleware/name-request.ts";
import { observeRequest } from "./middleware/observe-request.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { appendRoutes } from "./routes/append-events.ts";
import { editRoutes } from "./routes/edit-run.ts";
import { artifactRoutes } from "./routes/artifacts.ts";
import { answerFallback } from "./routes/fallback.ts";
import { healthRoutes } from "./routes/health.ts";
import { limitsRoutes } from "./routes/limits.ts";
import { contractRoutes, registerContract } from "./routes/openapi.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { readRoutes } from "./routes/read-events.ts";
import { runMetricsRoutes } from "./routes/run-metrics.ts";
import { runRoutes } from "./routes/runs.ts";
import { searchRoutes } from "./routes/search.ts";
import { sessionRoutes } from "./routes/session.ts";
import { shareRoutes } from "./routes/share.ts";
import { signingRoutes } from "./routes/signing.ts";
import { socketRoutes } from "./routes/sockets.ts";
import { statsRoutes } from "./routes/stats.ts";
import { verifyRoutes } from "./routes/verify.ts";
import { workspaceRoutes } from "./routes/workspaces.ts";

/** The whole surface. What is in front comes first: a request is named, its host checked, its caller admitted by `access.ts`; then the routes. */
export const app = new OpenAPIHono<App>();

app.use(nameRequest, observeRequest, securityHeaders, hearOut, checkHost);
app.use("/api/*", admit);

app.route("/", healthRoutes);
app.route("/", limitsRoutes);
app.route("/", metricsRoutes);
app.route("/", sessionRoutes);
app.route("/", workspaceRoutes);
app.route("/", runRoutes);
app.route("/", statsRoutes);
app.route("/", editRoutes);
app.route("/", artifactRoutes);
app.route("/", appendRoutes);
app.route("/", readRoutes);
app.route("/", runMetricsRoutes);
app.route("/", searchRoutes);
app.route("/", verifyRoutes);
app.route("/", signingRoutes);
app.route("/", socketRoutes);
app.route("/", shareRoutes);
app.route("/", contractRoutes(app));
registerContract(app);

app.notFound(answerFallback);
app.onError(answerError);
