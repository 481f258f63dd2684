/** Puts htmx where its extensions look for it; imported before them. */
import htmx from "htmx.org";

window.htmx = htmx;
