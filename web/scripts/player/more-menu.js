/** The menu "More" of the player: an item marked `data-player-do` runs the action of that name. */

/** @typedef {{ run: () => void, isOn?: () => boolean, stays?: boolean }} Action `stays`: the menu stays open */

/** @param {HTMLElement} root of the player @param {Record<string, Action>} actions */
export function connectMoreMenu(root, actions) {
  const settings = root.querySelector("media-settings-menu");
  const menu = root.querySelector("[data-player-more]");
  const items = [...menu.querySelectorAll("[data-player-do]")];
  const mirror = () => {
    for (const item of items) {
      const { isOn } = actions[item.dataset.playerDo] ?? {};
      if (isOn) item.checked = isOn();
    }
  };
  const close = (byKey) => {
    menu.hidden = true;
    settings.hidden = true;
    root.querySelector(byKey ? "media-settings-menu-button" : "media-controller").focus();
  };
  for (const item of items) {
    const action = actions[item.dataset.playerDo];
    if (!action) {
      item.remove();
      continue;
    }
    const act = (event) => {
      // The menu would toggle the check mark itself, without the action.
      event.preventDefault();
      event.stopPropagation();
      if (!action.stays) close(event.type === "keydown");
      action.run();
      mirror();
    };
    item.addEventListener("click", act);
    item.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") act(event);
    });
  }
  menu.addEventListener("toggle", mirror);
  mirror();
}
