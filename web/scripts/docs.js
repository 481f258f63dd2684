/** The API's pages, drawn from its own description. The policy allows no inline script, so no remote validator either. */
import SwaggerUI from "swagger-ui-dist/swagger-ui-bundle.js";
import { csrfToken } from "./page/csrf.js";

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
