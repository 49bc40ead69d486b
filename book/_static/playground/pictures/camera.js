/* The camera: what it sees, and a button to take a picture of it. */
(function () {
  "use strict";
  const { lenet } = self;
  const { button, element } = lenet;

  // The camera at the back of a phone, which one points at paper.
  const WANTED = { video: { facingMode: "environment", width: 1280, height: 960 } };

  /* Whether the browser offers a camera: it does so only to pages of https, and to one's own files. */
  function isThere() {
    return window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
  }

  /* Show in `panel` what the camera sees, and resolve to a picture of colours, or to null if the reader closes
     it. Rejects where there is no camera or the reader refuses it. It is off again afterwards. */
  async function take(panel) {
    const stream = await navigator.mediaDevices.getUserMedia(WANTED);
    try {
      return await shown(stream, panel);
    } finally {
      for (const track of stream.getTracks()) track.stop();
    }
  }

  async function shown(stream, panel) {
    const video = element("video", { playsinline: "", "aria-label": "What the camera sees" });
    video.muted = true;
    video.srcObject = stream;
    const dialog = element("dialog", { class: "lenet-camera", "aria-label": "Camera" });
    const shot = button("Take the picture", () => dialog.close("shot"), { disabled: "" });
    const cancel = button("Cancel", () => dialog.close());
    dialog.append(video, element("div", { class: "lenet-row" }, shot, cancel));
    panel.append(dialog);
    dialog.showModal();
    const closed = new Promise((resolve) => dialog.addEventListener("close", resolve));
    try {
      video.addEventListener("playing", () => (shot.disabled = false));
      video.play().catch(() => {}); // closed before it began
      await closed;
      return dialog.returnValue === "shot" ? await pictureOf(video) : null;
    } finally {
      dialog.remove();
    }
  }

  async function pictureOf(video) {
    const bitmap = await createImageBitmap(video);
    return lenet.coloursOfBitmap(bitmap);
  }

  lenet.Camera = { isThere, take };
})();
