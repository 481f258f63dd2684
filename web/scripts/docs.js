/** The API's pages, drawn from its own description. The policy allows no inline script, so no remote validator either. */
import SwaggerUI from "swagger-ui-dist/swagger-ui-bundle.js";
import { csrfToken } from "./page/csrf.js";

// Its own sheet has a dark side, behind a class.
const root = document.documentElement;
const follow = () => root.classList.toggle("dark-mode", root.dataset.theme === "dark");
new MutationObserver(follow).observe(root, { attributeFilter: ["data-theme"] });
follow();

const place = document.getElementById("api-docs");

SwaggerUI({
  domNode: place,
  url: place.dataset.url,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "list",
  requestInterceptor(request) {
    request.headers["X-CSRF-Token"] = csrfToken();
    return request;
  },
});
